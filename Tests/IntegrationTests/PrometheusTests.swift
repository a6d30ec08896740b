import Foundation
import Glibc
import TestSupport
import Testing

/// The run's figures as a real Prometheus sees them.
@Suite(.serialized) struct PrometheusTests {
    private struct Summary: Decodable {
        struct Stage: Decodable {
            var count: Int
            var p50, p99, max: Double
        }
        var counts: [String: Int]
        var stages: [String: Stage]
    }

    /// The summary's counts and the metrics they are sums of. Reconnects are left out: the silenced market ends the
    /// connection some time between the last scrape and the end.
    private static let counters = [
        "ticks": "tickline_ticks_total", "repeated": "tickline_ticks_repeated_total",
        "signals": "tickline_signals_total",
        "published": "tickline_published_total", "already_there": "tickline_published_already_total",
        "gaps": "tickline_gaps_total", "missing": "tickline_ticks_missing_total", "dropped": "tickline_dropped_total",
        "refused": "tickline_decode_errors_total", "stored": "tickline_store_documents_total",
    ]

    /// The buckets of a latency's summary name.
    private static func buckets(_ name: String) -> String {
        name.hasPrefix("tick_to")
            ? "tickline_\(name)_seconds_bucket" : "tickline_stage_seconds_bucket{stage=\"\(name)\"}"
    }

    /// What of `/metrics` stands still once all ticks are through.
    private static func settled(_ body: String) -> [Substring] {
        body.split(separator: "\n").filter { line in
            ["tickline_tick", "tickline_s", "tickline_published", "tickline_outbox"].contains { line.hasPrefix($0) }
                && !line.hasPrefix("tickline_store_lag")
        }
    }

    @Test func `p99 by histogram_quantile is the run's own, and so are the counts, on each of the three listeners`()
        async throws
    {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let redis = try await RedisServer()
        let simulator = try await RunningSimulator(["--rate", "3000", "--symbols", "2"], folder: folder.url)
        // Nothing comes before Prometheus has seen every series at 0: what is there at the first scrape is no increase.
        simulator.process.signal(SIGSTOP)
        let run = try RunningTickline(
            [
                "--feed",
                "simulator=ws://127.0.0.1:\(simulator.port)/stream?streams=btcusdt@trade/ethusdt@trade", "--short", "5",
                "--long", "20", "--redis", redis.url,
            ], folder: folder.url)
        let roles = ["collector", "processor", "trader"]
        try await waitUntil("listens", timeout: .seconds(60)) { roles.allSatisfy { run.port(of: $0) != nil } }
        let prometheus = try await PrometheusServer(
            targets: Dictionary(uniqueKeysWithValues: roles.map { ($0, run.port(of: $0)!) }))
        try await waitUntil("all are scraped", timeout: .seconds(60)) {
            try await prometheus.number("count(up == 1)") == 3
        }
        simulator.process.signal(SIGCONT)
        try await waitUntil("signals and ticks", timeout: .seconds(120)) {
            let ticks = await run.metric("tickline_ticks_total")
            let signals = await run.metric("tickline_published_total")
            return ticks > 8_000 && signals > 300
        }
        simulator.process.signal(SIGSTOP)

        var last: [Substring] = []
        var body = ""
        try await waitUntil("all ticks are through") {
            // Longer than metrics are served from one rendering, and than a batch waits.
            try await Task.sleep(for: .milliseconds(300))
            body = await run.get("/metrics").body
            defer { last = Self.settled(body) }
            let waiting = await run.metric("tickline_ring_occupancy") + run.metric("tickline_outbox_pending")
            return !last.isEmpty && last == Self.settled(body) && waiting == 0
        }
        let settledAt = Date().timeIntervalSince1970
        try await waitUntil("all have scraped it") {
            try await prometheus.number("min(timestamp(up))") > settledAt
        }

        try Promtool.check(body)
        #expect(try await prometheus.scrapeErrors() == [])
        for role in roles {
            #expect(try await prometheus.number("min_over_time(up{role=\"\(role)\"}[10m])") == 1, "\(role)")
        }
        let series = try await prometheus.number("max(scrape_samples_scraped)")
        #expect(series > 100 && series < Double(PrometheusServer.mostSeries))
        var quantiles: [String: Double] = [:]
        var counts: [String: [Double]] = [:]
        let names = ["tick_to_signal", "tick_to_decision", "decode", "queue", "decide", "send", "redis_reply", "store"]
        for name in names {
            quantiles[name] = try await prometheus.number(
                "histogram_quantile(0.99, sum by (le) (rate(\(Self.buckets(name))[10m])))")
        }
        for (name, metric) in Self.counters {
            counts[name] = try await prometheus.query("sum by (role) (\(metric))").map(\.value)
        }
        #expect(run.process.stop() == 0)
        simulator.process.stop(SIGKILL)
        #expect(prometheus.output == "", "\(prometheus.output)")

        let summary = try JSONDecoder().decode(
            Summary.self, from: Data(contentsOf: folder.url.appendingPathComponent("run.json")))
        for (name, values) in counts {
            #expect(values == [Double](repeating: Double(summary.counts[name] ?? -1), count: 3), "\(name)")
        }
        let bounds = Self.bounds(body)
        for name in names {
            let stage = try #require(summary.stages[name])
            let quantile = try #require(quantiles[name])
            print(
                "figure: p99 of \(name): \(quantile * 1e6) µs by Prometheus, \(stage.p99 / 1e3) µs by the run, "
                    + "\(stage.count) samples")
            // Within the bucket that holds the run's own p99, so in its order too: not below p50's, not above the maximum's.
            let upper = try #require(bounds.first { $0 * 1e9 >= stage.p99 - 0.5 })
            let lower = bounds.last { $0 < upper } ?? 0
            #expect(quantile.isFinite && quantile >= lower && quantile <= upper, "\(name)")
            #expect(stage.p50 * 0.75 <= quantile * 1e9 && quantile * 1e9 <= stage.max * 1.25, "\(name)")
        }
        print("figure: a scrape has \(Int(series)) series and \(body.utf8.count) bytes")
    }

    /// The buckets' upper bounds in seconds, ascending.
    private static func bounds(_ body: String) -> [Double] {
        body.split(separator: "\n").filter { $0.hasPrefix("tickline_tick_to_signal_seconds_bucket") }
            .compactMap { $0.split(separator: "\"").dropFirst().first.flatMap { Double($0) } }
    }
}
