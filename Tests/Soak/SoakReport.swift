import Foundation

/// Everything the oracle needs to judge a run (oracle.py reads it as JSON).
struct SoakReport: Encodable {
    /// The engine's memory at one moment.
    struct Sample: Encodable {
        /// Seconds since the start.
        var second: Double
        /// By the allocator's own count.
        var allocatedBytes: Double
        /// What the system counts.
        var residentBytes: Double
    }

    var seconds: Double
    var short = SoakOptions.short
    var long = SoakOptions.long
    /// The SQLite file.
    var database: String
    /// Where the signals are.
    var redisPort: Int
    var stream = "trade_signals_stream"
    var runs: [SentLedger.Run]
    /// Readable messages by `exchange:stream` of streams without contiguous ids.
    var quotesSent: [String: Int]
    var messagesSent: Int
    /// With those nobody was connected for.
    var messagesProduced: Int
    /// Ids by `exchange:stream` that were sent well before the end and must be stored.
    var mustHave: [String: UInt64]
    /// Faults injected, by kind.
    var faults: [String: Int]
    /// The engine's own counts.
    var counts: [String: UInt64]
    var memory: [Sample]
    /// Before this the engine's memory may grow.
    var warmUpSeconds: Double
    /// What the allocator's count may grow by after the warm-up.
    var mostGrowthBytes = 1 << 20
    /// What the resident memory may grow by after the warm-up; nil where the run is too short to have touched all rings.
    var mostResidentGrowthBytes: Int?
}
