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
let c: [CSetting] = [.define("_GNU_SOURCE")]

let nioHTTP: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
]
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
    name: "tickline",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // C: bytes and threads
        .target(name: "CSPSCRing", path: "CSupport/CSPSCRing", cSettings: c),
        .target(name: "CThread", path: "CSupport/CThread", cSettings: c),

        // Nothing of ours imported
        .target(name: "TradingModel", swiftSettings: common),
        .target(name: "Telemetry", swiftSettings: common),

        // Mechanism
        .target(name: "RingBuffer", dependencies: ["CSPSCRing"], swiftSettings: strict),
        .target(name: "ThreadExecutor", dependencies: ["CThread", "TradingModel"], swiftSettings: strict),

        // Monitoring: health, metrics, logs
        .target(
            name: "Monitoring", dependencies: nioHTTP + [log, "Telemetry", "TradingModel"], swiftSettings: common),

        // Tests
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: common),
        .testTarget(name: "TradingModelTests", dependencies: ["TradingModel"], swiftSettings: common),
        .testTarget(
            name: "TelemetryTests",
            dependencies: ["Telemetry", "TestSupport", .product(name: "Histogram", package: "hdrhistogram-swift")],
            swiftSettings: common),
        .testTarget(
            name: "MonitoringTests", dependencies: nioHTTP + ["Monitoring", "Telemetry", "TestSupport", log],
            swiftSettings: common),
        .testTarget(name: "ModuleGraphTests", dependencies: ["TestSupport"], swiftSettings: common),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)
