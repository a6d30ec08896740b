import Synchronization
package import TradingModel

/// Keeps all REST requests of a process away from hosts that asked for a pause, and below the exchange's request limit. One
/// object is shared by all who ask; any thread may use it.
public final class RequestLimiter: Sendable {
    /// Hundredths of the exchange's request weight per minute that may be used up before refills stop asking; the rest is left
    /// to other programs behind the same address.
    package static let mostWeightPercent = 80
    /// How long a host is left alone then: the count is of one minute.
    package static let weightPauseMillis: UInt64 = 60_000

    /// When each host may be asked again; as many hosts as the settings name.
    private let closedUntil = Mutex<[String: MonotonicNanos]>([:])

    /// Creates one that holds nothing back.
    public init() {}

    /// When `host` may be asked again; nil where it may be asked at once.
    package func heldUntil(_ host: String, at now: MonotonicNanos) -> MonotonicNanos? {
        closedUntil.withLock { $0[host.lowercased()].flatMap { $0 > now ? $0 : nil } }
    }

    /// The host takes no request before `time`.
    package func close(_ host: String, until time: MonotonicNanos) {
        closedUntil.withLock { $0[host.lowercased()] = max(time, $0[host.lowercased()] ?? time) }
    }

    /// Request weight that one address may use in a minute [exchangeInfo, `rateLimits`: Spot 6,000, USD-M 2,400].
    package static func weightPerMinute(_ exchange: Exchange) -> Int { exchange == .binanceUSDM ? 2_400 : 6_000 }

    /// Whether that much used weight leaves no room for refills.
    package static func isNearLimit(usedWeight: Int, of exchange: Exchange) -> Bool {
        usedWeight >= weightPerMinute(exchange) * mostWeightPercent / 100
    }
}
