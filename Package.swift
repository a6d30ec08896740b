// swift-tools-version: 6.2
import PackageDescription

// One target per concern; imports point one way (Tests/ModuleGraphTests holds the rules).

let common: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]
/// Modules that import C or map memory show each unsafe use.
let strict: [SwiftSetting] = common + [.strictMemorySafety()]
/// GNU extensions (`pthread_setname_np`, `sched_getaffinity`) and the warnings C code must be free of.
let c: [CSetting] = [
    .define("_GNU_SOURCE"),
    .enableWarning("all"),
    .enableWarning("extra"),
    .enableWarning("conversion"),
    .treatAllWarnings(as: .error),
]

let nioHTTP: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
]
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
    name: "tickline",
    products: [
        .executable(name: "tickline", targets: ["tickline"]),
        // What the perf package measures piece by piece.
        .library(
            name: "TicklineCore",
            targets: [
                "CFeedDecoder", "FeedHandler", "Indicators", "RedisStreams", "RingBuffer", "StrategyEngine",
                "Telemetry", "ThreadExecutor", "TradingModel",
            ]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // C: bytes and threads
        .target(name: "CSPSCRing", path: "CSupport/CSPSCRing", cSettings: c),
        .target(name: "CThread", path: "CSupport/CThread", cSettings: c),
        .target(name: "CFeedDecoder", path: "CSupport/CFeedDecoder", cSettings: c),
        .target(name: "CJournal", path: "CSupport/CJournal", cSettings: c),
        .target(
            name: "CSQLiteRows", dependencies: ["CSQLite"], path: "CSupport/CSQLiteRows", cSettings: c),
        .target(name: "CMongoCounters", path: "CSupport/CMongoCounters", cSettings: c),

        // C: system libraries
        .systemLibrary(name: "CCrypto", path: "CSupport/CCrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CCurl", path: "CSupport/CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CHiredis", path: "CSupport/CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CJemalloc", path: "CSupport/CJemalloc", providers: [.apt(["libjemalloc-dev"])]),
        .systemLibrary(
            name: "CMongoC", path: "CSupport/CMongoC", pkgConfig: "libmongoc-1.0",
            providers: [.apt(["libmongoc-dev"])]),
        .systemLibrary(name: "CSQLite", path: "CSupport/CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CZlib", path: "CSupport/CZlib", providers: [.apt(["zlib1g-dev"])]),

        // Nothing of ours imported
        .target(name: "TradingModel", swiftSettings: common),
        .target(name: "Telemetry", swiftSettings: common),

        // Mechanism
        .target(name: "RingBuffer", dependencies: ["CSPSCRing"], swiftSettings: strict),
        .target(name: "ThreadExecutor", dependencies: ["CThread", "TradingModel"], swiftSettings: strict),

        .target(name: "Digests", dependencies: ["CCrypto"], swiftSettings: strict),

        // Recorded files
        .target(name: "MarketRecording", dependencies: ["CZlib"], swiftSettings: strict),

        // Core
        .target(name: "Indicators", swiftSettings: common),
        .target(
            name: "StrategyEngine",
            dependencies: ["TradingModel", "Telemetry", "Indicators", "Journal", "RingBuffer", "ThreadExecutor"],
            swiftSettings: common),
        .target(name: "Transport", dependencies: ["CCurl"], swiftSettings: strict),
        .target(
            name: "Journal",
            dependencies: ["CJournal", "RingBuffer", "Telemetry", "ThreadExecutor", "TradingModel", log],
            swiftSettings: strict),
        .target(
            name: "FeedHandler",
            dependencies: [
                "CFeedDecoder", "Digests", "Journal", "RingBuffer", "Telemetry", "ThreadExecutor", "TradingModel",
                "Transport",
                log,
            ], swiftSettings: strict),

        .target(
            name: "Replay",
            dependencies: [
                "FeedHandler", "Journal", "MarketRecording", "RingBuffer", "StrategyEngine", "Telemetry",
                "ThreadExecutor", "TradingModel", log,
            ], swiftSettings: common),

        // Behind the ports
        .target(
            name: "ConsoleSignals", dependencies: ["TradingModel", "Telemetry", "RingBuffer", "ThreadExecutor"],
            swiftSettings: common),
        .target(
            name: "RedisStreams",
            dependencies: ["CHiredis", "TradingModel", "Telemetry", "ThreadExecutor", "Transport", log],
            swiftSettings: strict),
        .target(
            name: "StoreWriter", dependencies: ["TradingModel", "Telemetry", "RingBuffer", "ThreadExecutor", log],
            swiftSettings: strict),
        .target(
            name: "MongoStore", dependencies: ["CMongoC", "CMongoCounters", "TradingModel"], swiftSettings: strict),
        .target(name: "SQLiteStore", dependencies: ["CSQLite", "CSQLiteRows", "TradingModel"], swiftSettings: strict),

        .target(
            name: "Execution", dependencies: ["Digests", "Telemetry", "ThreadExecutor", "TradingModel", log],
            swiftSettings: common),

        .target(name: "RecordQuery", dependencies: ["TradingModel"], swiftSettings: common),
        .target(name: "RecordComparison", dependencies: ["TradingModel"], swiftSettings: common),

        // Seen from outside
        .target(name: "Monitoring", dependencies: nioHTTP + [log, "Telemetry", "TradingModel"], swiftSettings: common),
        .target(
            name: "ExchangeSimulator", dependencies: nioHTTP + [nioWebSocket, log, "MarketRecording"],
            swiftSettings: strict),

        // The process
        .target(
            name: "TicklineNode",
            dependencies: [
                "CJemalloc", "ConsoleSignals", "Digests", "ExchangeSimulator", "Execution", "FeedHandler", "Journal",
                "MarketRecording", "Monitoring", "MongoStore",
                "RecordComparison", "RecordQuery", "RedisStreams", "Replay", "RingBuffer", "SQLiteStore", "StoreWriter",
                "StrategyEngine",
                "Telemetry",
                "ThreadExecutor", "TradingModel", log,
                .product(name: "Yams", package: "Yams"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ], swiftSettings: common),
        // The websocket client under a conformance suite.
        .executableTarget(
            name: "websocket-echo", dependencies: ["FeedHandler", "ThreadExecutor", "TradingModel", "Transport"],
            path: "Sources/WebSocketEcho", swiftSettings: common),
        .executableTarget(
            name: "tickline",
            dependencies: ["TicklineNode", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: common),

        // Tests
        .target(
            name: "TestSupport", dependencies: ["FeedHandler", "MongoStore", "TradingModel"], path: "Tests/TestSupport",
            swiftSettings: common),
        // Parts of a deterministic simulation: no clocks, threads, I/O or randomness of their own.
        .target(
            name: "SimulatedWorld", dependencies: ["TradingModel"], path: "Tests/SimulatedWorld", swiftSettings: common),
        // Defines functions of the C library anew: only the simulation's own executable may hold it.
        .target(name: "SimulatedSystem", path: "Tests/SimulatedSystem", cSettings: c),
        .executableTarget(
            name: "Simulate",
            dependencies: [
                "FeedHandler", "RingBuffer", "SimulatedSystem", "SimulatedWorld", "StoreWriter", "Telemetry",
                "ThreadExecutor", "TicklineNode", "TradingModel", log,
            ], path: "Tests/Simulate", swiftSettings: common),
        .systemLibrary(name: "CWslay", path: "Tests/CWslay", providers: [.apt(["libwslay-dev"])]),
        .executableTarget(
            name: "HotPathProbe",
            dependencies: [
                "FeedHandler", "Journal", "RedisStreams", "RingBuffer", "SQLiteStore", "StrategyEngine", "Telemetry",
                "ThreadExecutor", "TradingModel", log,
            ], path: "Tests/HotPathProbe", swiftSettings: common),
        .executableTarget(
            name: "Soak", dependencies: ["ExchangeSimulator", "TestSupport", log], path: "Tests/Soak",
            exclude: ["oracle.py", "day_oracle.py"], swiftSettings: common),
        .testTarget(name: "TradingModelTests", dependencies: ["TradingModel", "TestSupport"], swiftSettings: common),
        .testTarget(
            name: "TelemetryTests", dependencies: ["Telemetry", "TestSupport", histogram], swiftSettings: common),
        .testTarget(name: "DigestsTests", dependencies: ["Digests"], swiftSettings: common),
        .testTarget(name: "IndicatorsTests", dependencies: ["Indicators", "TestSupport"], swiftSettings: common),
        .testTarget(name: "RingBufferTests", dependencies: ["RingBuffer", "ThreadExecutor"], swiftSettings: common),
        .testTarget(
            name: "ThreadExecutorTests", dependencies: ["ThreadExecutor", "RingBuffer"], swiftSettings: common),
        .testTarget(
            name: "StrategyEngineTests",
            dependencies: [
                "CJemalloc", "Journal", "RingBuffer", "StrategyEngine", "Telemetry", "TestSupport", "ThreadExecutor",
                "TradingModel", log,
            ], swiftSettings: common),
        .testTarget(
            name: "JournalTests",
            dependencies: ["CJournal", "Journal", "TestSupport", "Telemetry", "ThreadExecutor", "TradingModel", log],
            swiftSettings: common),
        .testTarget(name: "TransportTests", dependencies: ["Transport", "TestSupport"], swiftSettings: common),
        .testTarget(
            name: "FeedHandlerTests",
            dependencies: [
                "CWslay", "FeedHandler", "Journal", "Replay", "RingBuffer", "Telemetry", "TestSupport",
                "ThreadExecutor", "TradingModel", "Transport", log,
            ], swiftSettings: common),
        .testTarget(
            name: "ExecutionTests",
            dependencies: ["Execution", "Telemetry", "TestSupport", "TradingModel", log], swiftSettings: common),
        .testTarget(
            name: "ConsoleSignalsTests", dependencies: ["ConsoleSignals", "TestSupport"], swiftSettings: common),
        .testTarget(
            name: "RedisStreamsTests",
            dependencies: ["RedisStreams", "TestSupport", "TradingModel", "Telemetry", "ThreadExecutor", log],
            swiftSettings: common),
        .testTarget(
            name: "StoreWriterTests",
            dependencies: [
                "StoreWriter", "SQLiteStore", "TradingModel", "Telemetry", "RingBuffer", "TestSupport", log,
            ],
            swiftSettings: common),
        .testTarget(
            name: "MongoStoreTests",
            dependencies: [
                "MongoStore", "StoreWriter", "TradingModel", "Telemetry", "RingBuffer", "ThreadExecutor", "TestSupport",
                log,
            ], swiftSettings: common),
        .testTarget(
            name: "SQLiteStoreTests", dependencies: ["SQLiteStore", "TradingModel", "TestSupport"],
            swiftSettings: common),
        .testTarget(
            name: "MonitoringTests",
            dependencies: nioHTTP + ["Monitoring", "Telemetry", "TestSupport", "TradingModel", log],
            swiftSettings: common),
        .testTarget(
            name: "ExchangeSimulatorTests",
            dependencies: nioHTTP + [nioWebSocket, log, "ExchangeSimulator", "MarketRecording", "TestSupport"],
            swiftSettings: common),
        .testTarget(
            name: "TicklineNodeTests",
            dependencies: [
                "ExchangeSimulator", "FeedHandler", "Journal", "Monitoring", "Replay", "RingBuffer", "StrategyEngine",
                "Telemetry", "TestSupport", "ThreadExecutor", "TicklineNode", "TradingModel", log,
            ], swiftSettings: common),
        .testTarget(
            name: "SimulationTests", dependencies: ["RedisStreams", "SimulatedWorld", "TestSupport"],
            swiftSettings: common),
        .testTarget(
            name: "TestSupportTests", dependencies: ["TestSupport", "TradingModel"], swiftSettings: common),
        .testTarget(
            name: "RecordQueryTests", dependencies: ["RecordQuery", "TradingModel", "TestSupport"],
            swiftSettings: common),
        .testTarget(name: "ModuleGraphTests", dependencies: ["TestSupport"], swiftSettings: common),
        .testTarget(
            name: "HotPathTests", dependencies: ["TestSupport"], exclude: ["Preload"], swiftSettings: common),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "ExchangeSimulator", "FeedHandler", "tickline", "websocket-echo", "MongoStore", "SQLiteStore",
                "TestSupport", "TradingModel", log,
            ], exclude: ["Preload", "trading_reference.py"], swiftSettings: common),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)
