/// Which modules of ours each module may import: the table that keeps imports pointing one way.
///
/// Modules that do not exist yet are listed so that they are born under their rule. A new module must be added here.
enum ModuleGraph {
    /// Which Swift modules of ours a module may import, and whether Foundation is allowed. C targets are not listed:
    /// each has one importer, whichever module that is.
    struct Rule {
        var imports: Set<String>
        var allowsFoundation = true
    }

    /// Records and metrics: anything may import them.
    static let base: Set<String> = ["TradingModel", "Telemetry"]
    /// Threads and rings: mechanism without knowledge of markets, open to all but the base.
    static let mechanism: Set<String> = ["RingBuffer", "ThreadExecutor"]
    static let open = base.union(mechanism)

    static let rules: [String: Rule] = [
        "TradingModel": Rule(imports: [], allowsFoundation: false),
        "Telemetry": Rule(imports: [], allowsFoundation: false),
        "RingBuffer": Rule(imports: base, allowsFoundation: false),
        "ThreadExecutor": Rule(imports: base, allowsFoundation: false),
        "Digests": Rule(imports: [], allowsFoundation: false),
        "Indicators": Rule(imports: base, allowsFoundation: false),
        "OrderBook": Rule(imports: base, allowsFoundation: false),
        "Journal": Rule(imports: open),
        "Transport": Rule(imports: open),
        "StrategyEngine": Rule(imports: open.union(["Indicators", "Journal"]), allowsFoundation: false),
        "FeedHandler": Rule(imports: open.union(["Digests", "Transport", "OrderBook", "Journal"])),
        "MarketRecording": Rule(imports: base, allowsFoundation: false),
        "Replay": Rule(imports: open.union(["FeedHandler", "Journal", "MarketRecording", "StrategyEngine"])),
        "Execution": Rule(imports: open.union(["Digests"])),
        "StoreWriter": Rule(imports: open),
        "ConsoleSignals": Rule(imports: open),
        "RedisStreams": Rule(imports: open.union(["Transport"])),
        "MongoStore": Rule(imports: open.union(["Transport"])),
        "SQLiteStore": Rule(imports: open),
        "RecordQuery": Rule(imports: base, allowsFoundation: false),
        "RecordComparison": Rule(imports: base, allowsFoundation: false),
        "Monitoring": Rule(imports: base),
        "ExchangeSimulator": Rule(imports: open.union(["MarketRecording"])),
        "WebSocketEcho": Rule(imports: open.union(["FeedHandler", "Transport"]), allowsFoundation: false),
        "tickline": Rule(imports: ["TicklineNode"]),
    ]

    /// Modules that import Foundation in one file alone.
    static let foundationFiles = ["Execution": "Risk/ExchangeInformation.swift"]

    /// Knows every module, so it has no rule of its own; nothing besides `tickline` may import it.
    static let composition = "TicklineNode"
    /// C targets whose header functions are inlined into other modules' hot loops; the importing module's inlinable
    /// functions need a public import for that.
    static let inlinedCTargets: Set<String> = ["CSPSCRing"]
}
