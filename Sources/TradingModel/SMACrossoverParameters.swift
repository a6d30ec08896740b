/// Why periods were refused.
public enum StrategyParameterError: Error, Equatable, CustomStringConvertible {
    /// A period is 0 or above `SMACrossoverParameters.longestPeriod`.
    case periodOutOfRange(Int)
    /// The short period is not below the long one.
    case shortNotBelowLong(short: Int, long: Int)

    /// One line with the remedy.
    public var description: String {
        switch self {
        case .periodOutOfRange(let period):
            "period \(period) is out of range; give 1 to \(SMACrossoverParameters.longestPeriod) trades"
        case .shortNotBelowLong(let short, let long):
            "the short period (\(short)) must be below the long one (\(long)), for example --short 50 --long 200"
        }
    }
}

/// The periods of one moving-average crossover strategy, counted in ticks of its price source.
public struct SMACrossoverParameters: Hashable, Sendable {
    /// 2²⁰ ticks: what keeps `sum × period` inside 128 bits with room to spare (2⁶³ · 2²⁰ · 2²⁰ = 2¹⁰³).
    public static let longestPeriod = 1 << 20

    /// Ticks in the short average.
    public let shortPeriod: Int
    /// Ticks in the long average.
    public let longPeriod: Int

    /// Checks and keeps the periods.
    ///
    /// - Throws: `periodOutOfRange` for 0, negative or over-long periods, `shortNotBelowLong` otherwise.
    public init(shortPeriod: Int, longPeriod: Int) throws(StrategyParameterError) {
        for period in [shortPeriod, longPeriod] where !(1...Self.longestPeriod).contains(period) {
            throw .periodOutOfRange(period)
        }
        guard shortPeriod < longPeriod else { throw .shortNotBelowLong(short: shortPeriod, long: longPeriod) }
        self.shortPeriod = shortPeriod
        self.longPeriod = longPeriod
    }

    /// The strategy's name in ids: `sma-50-200`, with the source behind an `@` where it is not the trades.
    public func name(source: RecordKind) -> String {
        let name = "sma-\(shortPeriod)-\(longPeriod)"
        return source == .trade ? name : "\(name)@\(source.name)"
    }
}
