/// Where messages come from.
public enum SimulatorSource: Sendable {
    /// Recorded files, `.ndjson` or `.ndjson.gz`, merged by arrival time; messages without an arrival time of their own
    /// take that of the message before them.
    case recordings([String])
    /// A market made up from a seed.
    case synthetic(SyntheticMarket)
}

/// How intended send times follow from the source's times.
public enum ReplayPacing: Sendable, Hashable {
    /// As recorded, or as the synthetic market sets them.
    case recorded
    /// This many times faster (above 1) or slower (below 1).
    case speed(Double)
    /// As fast as the slowest subscriber reads; nothing is dropped.
    case asFastAsPossible
}

/// What a simulator serves and how.
public struct SimulatorConfiguration: Sendable {
    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The TCP port; 0 takes a free one.
    public var port = 0
    /// Where messages come from.
    public var source: SimulatorSource
    /// When they are sent.
    public var pacing: ReplayPacing
    /// How it misbehaves, from the start; `ExchangeSimulator.inject` adds to it.
    public var faults: [FaultRule] = []
    /// Decides everything random about faults.
    public var faultSeed: UInt64 = 1
    /// Whether, after the end, the replay starts anew for the next connection once all clients have gone.
    public var replaysAgain = true
    /// Time between pings; Binance Spot sends one every 20 s.
    public var pingInterval: Duration = .seconds(20)
    /// A connection that answers no ping for this long is closed.
    public var pongTimeout: Duration = .seconds(60)
    /// A connection is closed after this long, as exchanges do after 24 hours.
    public var connectionLifetime: Duration = .seconds(24 * 60 * 60)
    /// Connections at a time; further ones are closed at once and counted.
    public var maximumConnections = 256
    /// Bytes waiting for one client in the timed modes; a client further behind is reset and counted.
    public var maximumOutboundBytes = 256 << 20
    /// Weight that requests for the trade history may have per minute; nil: the exchange's, 6,000 (Spot) and 2,400 (USD-M).
    public var requestWeightPerMinute: Int?
    /// Uncompressed size of all recordings together; they are held in memory.
    public var maximumRecordingBytes = 2 << 30

    /// A simulator on a free port of the loopback address.
    public init(source: SimulatorSource, pacing: ReplayPacing = .recorded) {
        self.source = source
        self.pacing = pacing
    }

    func validate() throws(SimulatorError) {
        if case .speed(let factor) = pacing, !(factor.isFinite && factor > 0) {
            throw .invalidSetting("a speed factor must be above 0, not \(factor); 1 is the recorded speed")
        }
        guard (0...65_535).contains(port) else {
            throw .invalidSetting("there is no port \(port); use 0 to 65535")
        }
        guard maximumConnections > 0, maximumOutboundBytes > 0, maximumRecordingBytes > 0 else {
            throw .invalidSetting("a limit of the simulator is 0 or less; use a positive one")
        }
        guard requestWeightPerMinute.map({ $0 > 0 }) ?? true else {
            throw .invalidSetting("a request weight per minute of 0 or less refuses everything; use a positive one")
        }
        guard pingInterval > .zero, pongTimeout > .zero, connectionLifetime > .zero else {
            throw .invalidSetting("a time of the simulator is 0 or less; use a positive one")
        }
        for fault in faults { try fault.validate() }
        if case .synthetic(let market) = source { try market.validate() }
    }
}

extension Duration {
    /// Whole nanoseconds, at most those of `Int64`.
    var wholeNanos: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : product &+ attoseconds / 1_000_000_000
    }
}
