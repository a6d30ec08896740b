// swift-tools-version: 6.2
import PackageDescription

// The latency harness: three small C programs that `scripts/run` drives, and the micro-benchmarks.

let swift: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
]
let c: [CSetting] = [
    .define("_GNU_SOURCE"),
    .enableWarning("all"),
    .enableWarning("extra"),
    .enableWarning("conversion"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "tickline-perf",
    dependencies: [
        // The name is given because a checkout's folder may be called anything.
        .package(name: "tickline", path: ".."),
        // The publisher takes a logger.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .target(name: "PerfSupport", path: "support", cSettings: c),
        .executableTarget(name: "floor_client", dependencies: ["PerfSupport"], path: "floor", cSettings: c),
        .executableTarget(
            name: "load_generator", dependencies: ["PerfSupport"], path: "load", cSettings: c,
            linkerSettings: [.linkedLibrary("crypto")]),
        .executableTarget(
            name: "stream_sight", dependencies: ["PerfSupport"], path: "sight", cSettings: c,
            linkerSettings: [.linkedLibrary("hiredis")]),
        .executableTarget(
            name: "MicroBenchmarks",
            dependencies: [
                .product(name: "TicklineCore", package: "tickline"), .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swift),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17
)
