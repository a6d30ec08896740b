import ExchangeSimulator
import Foundation
import Glibc
import TestSupport
import Testing

/// Redis that sleeps, pauses its clients or stands still while ticks flow through the whole product.
@Suite(.serialized) struct StalledRedisTests {
    let folder = try! TemporaryFolder()

    /// What makes the server answer nobody.
    enum Stall: String, CaseIterable {
        case sleep = "DEBUG SLEEP"
        case pause = "CLIENT PAUSE"
        case stop = "SIGSTOP"

        /// As long as the client waits for a reply and more, once; the others are over before.
        var seconds: Double { self == .stop ? 2.5 : 1 }
    }

    @Test func `decisions go on while Redis answers nobody, and every signal arrives`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer(options: ["--enable-debug-command", "local"])
        let market = try await MarketRun(
            .trades(rate: 2_000, pacing: .recorded), ["--redis", redis.url], folder: folder.url)
        try await market.waitForTicks(1_000)
        // Interleaved: a calm second before each stall; the machine's load moves both.
        var (calm, stalled, ticksLeast) = (DecisionTimes(), DecisionTimes(), Int.max)
        for stall in Stall.allCases {
            try await waitUntil("all published") { await market.run.metric("tickline_outbox_pending") < 100 }
            let before = await DecisionTimes(market.run)
            try await Task.sleep(for: .seconds(1))  // The length of what is measured, as below.
            let start = await DecisionTimes(market.run)
            try begin(stall, redis)
            try await Task.sleep(for: .seconds(stall.seconds))
            let end = await DecisionTimes(market.run)
            if stall == .stop { redis.signal(SIGCONT) }
            calm.add(start.since(before))
            stalled.add(end.since(start))
            ticksLeast = min(ticksLeast, end.since(start).count)
        }
        try await waitUntil("all published") { await market.run.metric("tickline_outbox_pending") < 100 }
        let timeouts = await market.run.metric("tickline_redis_errors_total", labels: "TIMEOUT")
        let (status, counts) = try await market.stop()
        let ids = try redis.entries(of: "trade_signals_stream").map { $0.fields["id"] ?? "" }
        let trades = try market.trades()
        #expect(status == 0 && counts["missing"] == 0 && counts["reconnects"] == 0)
        #expect(ticksLeast > 1_000, "the engine decided during each stall")
        #expect(timeouts > 0, "the stop outlasts the wait for a reply")
        #expect(ids == ReferenceSignals.ids(trades) && ids.count == counts["signals"])
        print(
            "figure: R2 tick-to-decision p99 at most \(calm.p99Micros) us calm (\(calm.count) ticks), \(stalled.p99Micros) us while",
            "stalled (\(stalled.count)), at least \(ticksLeast) in a stall, signals \(ids.count), lost",
            "\((counts["signals"] ?? 0) - Set(ids).count), doubled \(ids.count - Set(ids).count)")
    }

    private func begin(_ stall: Stall, _ redis: RedisServer) throws {
        switch stall {
        case .sleep: try command(redis, "DEBUG", "SLEEP", "\(stall.seconds)")
        case .pause: try command(redis, "CLIENT", "PAUSE", "\(Int(stall.seconds * 1_000))", "ALL")
        case .stop: redis.signal(SIGSTOP)
        }
    }

    /// Sends a command and does not wait for its reply, which comes after the stall.
    private func command(_ redis: RedisServer, _ words: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["redis-cli", "-p", "\(redis.port)"] + words
        process.standardOutput = FileHandle.nullDevice
        try process.runUnmasked()
    }
}

/// The buckets of the histogram of tick-to-decision times, which a scrape shows.
private struct DecisionTimes {
    /// Upper bounds in seconds and how many ticks were at most so long.
    private var upTo: [Double: Int] = [:]

    init() {}

    init(_ run: RunningTickline) async {
        for line in await run.get("/metrics").body.split(separator: "\n")
        where line.hasPrefix("tickline_tick_to_decision_seconds_bucket") {
            guard let bound = line.range(of: "le=\""), let count = line.split(separator: " ").last.flatMap({ Int($0) })
            else { continue }
            upTo[Double(line[bound.upperBound...].prefix { $0 != "\"" }) ?? .infinity, default: 0] += count
        }
    }

    func since(_ other: DecisionTimes) -> DecisionTimes {
        var result = self
        for (bound, count) in other.upTo { result.upTo[bound, default: 0] -= count }
        return result
    }

    mutating func add(_ other: DecisionTimes) { upTo.merge(other.upTo, uniquingKeysWith: +) }

    var count: Int { upTo[.infinity] ?? 0 }

    /// The bound of the bucket the 99th percentile is in, microseconds.
    var p99Micros: Double {
        let rank = Double(count) * 0.99
        return (upTo.filter { Double($0.value) >= rank }.keys.min() ?? .infinity) * 1e6
    }
}
