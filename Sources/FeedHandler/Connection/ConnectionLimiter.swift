import Synchronization
package import TradingModel

/// Keeps all feeds of a process within the number of connection attempts that an exchange allows one address, and away
/// from a host that asked for a pause. One object is shared by all feeds; any thread may use it.
public final class ConnectionLimiter: Sendable {
    /// Attempts to one host in any `windowMillis`. Binance Spot allows 300 in five minutes [web-socket-streams.md, limits];
    /// the rest is left to other programs behind the same address and to the network's jitter at the window's edge.
    package static let mostAttempts = 280
    /// Length of the window.
    package static let windowMillis: UInt64 = 300_000
    /// Attempts in the window that may follow each other freely: the start of the most feeds a process has, and short cuts.
    package static let mostUnpaced = 100
    /// Least time between further ones, so that a long outage with many feeds does not use the window up and shut them all out
    /// when the exchange is back: 300 s for 180 attempts.
    package static let paceMillis = windowMillis / UInt64(mostAttempts - mostUnpaced) + 1

    private struct Host {
        var attempts = SlidingWindow(
            capacity: ConnectionLimiter.mostAttempts, lengthMillis: ConnectionLimiter.windowMillis)
        var closedUntil = MonotonicNanos(rawValue: 0)
    }

    /// By host name; as many as the settings name.
    private let hosts = Mutex<[String: Host]>([:])

    /// Creates one that has seen no attempt.
    public init() {}

    /// Asks for an attempt. nil: it is admitted and counted; else the time before which to ask again makes no sense.
    package func admit(_ host: String, at now: MonotonicNanos) -> MonotonicNanos? {
        change(host) { host in
            var time = max(host.closedUntil, host.attempts.admission(below: Self.mostAttempts, notBefore: now))
            if let latest = host.attempts.latest, host.attempts.admission(below: Self.mostUnpaced, notBefore: now) > now
            {
                time = max(time, latest.adding(millis: Self.paceMillis))
            }
            guard time <= now else { return time }
            host.attempts.record(at: now)
            return nil
        }
    }

    /// The host asked for no attempt before `time`: what one feed is told counts for the address, so for all of them.
    package func close(_ host: String, until time: MonotonicNanos) {
        change(host) { $0.closedUntil = max($0.closedUntil, time) }
    }

    private func change<Result>(_ name: String, _ body: (inout Host) -> Result) -> Result {
        hosts.withLock { hosts in
            let name = name.lowercased()
            // Taken out while it changes, so that its times are not copied.
            var host = hosts.removeValue(forKey: name) ?? Host()
            defer { hosts[name] = host }
            return body(&host)
        }
    }
}
