import ExchangeSimulator
import Foundation
import TestSupport
import Testing

/// What the store's backlog costs those signals that are decided while it is written; a figure, no verdict: the machine's load
/// is in it.
@Suite(.serialized) struct CatchingUpTests {
    let folder = try! TemporaryFolder()
    /// An outage of some hundred thousand documents; a short one has the same path through the code.
    private static let isLong = ProcessInfo.processInfo.environment["LONG_FAULTS"] == "true"
    private static let (rounds, backlog) = isLong ? (3, 200_000.0) : (2, 15_000.0)
    /// A store that is fast catches up while few signals are decided: then there are more rounds.
    private static let (leastSignals, mostRounds) = (100, 12)

    @Test(.enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
    func `signals leave while MongoDB's backlog is written, and how much later is printed`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let mongo = try MongoServer()
        defer { mongo.remove() }
        try await mongo.start()
        let market = try await MarketRun(
            .trades(rate: Self.isLong ? 10_000 : 4_000, pacing: .recorded),
            ["--redis", redis.url, "--mongo", mongo.uri],
            folder: folder.url)
        try await waitUntil("stored", timeout: .seconds(60)) { await stored(market.run) > 1_000 }
        var (calm, catching) = (SignalTimes(), SignalTimes())
        var seconds: [Double] = []
        while seconds.count < Self.rounds || catching.count <= Self.leastSignals, seconds.count < Self.mostRounds {
            let first = await SignalTimes(market.run)
            try await Task.sleep(for: .seconds(Self.isLong ? 5 : 1))  // The length of what is measured.
            calm.add(await SignalTimes(market.run).since(first))
            mongo.kill()
            try await waitUntil("the backlog", timeout: .seconds(120)) { await waiting(market.run) > Self.backlog }
            try await mongo.start()
            let before = await stored(market.run)
            try await waitUntil("writing again") { await stored(market.run) > before }
            let (start, begin) = (ContinuousClock.now, await SignalTimes(market.run))
            try await waitUntil("caught up", timeout: .seconds(300)) { await waiting(market.run) < 1_000 }
            catching.add(await SignalTimes(market.run).since(begin))
            seconds.append((ContinuousClock.now - start) / .seconds(1))
        }
        let (status, counts) = try await market.stop()
        #expect(status == 0 && counts["dropped"] == 0)
        #expect(calm.count > Self.leastSignals && catching.count > Self.leastSignals)
        print(
            "figure: MongoDB back after \(Int(Self.backlog)) documents, \(seconds.count) times: tick-to-signal p50",
            "\(calm.medianMicros) µs before (\(calm.count)), \(catching.medianMicros) µs while they are caught up with",
            "(\(catching.count)), ratio \(catching.medianMicros / calm.medianMicros); caught up in \(seconds) s")
    }

    private func stored(_ run: RunningTickline) async -> Double { await run.metric("tickline_store_documents_total") }

    private func waiting(_ run: RunningTickline) async -> Double {
        await run.metric("tickline_ring_occupancy", labels: "records")
    }
}

/// The buckets of the histogram of tick-to-signal times, which a scrape shows.
private struct SignalTimes {
    /// Upper bounds in seconds and how many signals were at most so late.
    private var upTo: [Double: Double] = [:]

    init() {}

    init(_ run: RunningTickline) async {
        for line in await run.get("/metrics").body.split(separator: "\n")
        where line.hasPrefix("tickline_tick_to_signal_seconds_bucket") {
            guard let bound = line.range(of: "le=\""),
                let count = line.split(separator: " ").last.flatMap({ Double($0) })
            else { continue }
            upTo[Double(line[bound.upperBound...].prefix { $0 != "\"" }) ?? .infinity, default: 0] += count
        }
    }

    func since(_ other: SignalTimes) -> SignalTimes {
        var result = self
        for (bound, count) in other.upTo { result.upTo[bound, default: 0] -= count }
        return result
    }

    mutating func add(_ other: SignalTimes) { upTo.merge(other.upTo, uniquingKeysWith: +) }

    var count: Int { Int(upTo[.infinity] ?? 0) }

    /// Microseconds; within its bucket, a quarter of an octave, by proportion.
    var medianMicros: Double {
        let (rank, bounds) = (Double(count) / 2, upTo.sorted { $0.key < $1.key })
        guard let place = bounds.firstIndex(where: { $0.value >= rank }) else { return .nan }
        let below = place > 0 ? bounds[place - 1] : (key: 0, value: 0)
        let share = (rank - below.value) / max(1, bounds[place].value - below.value)
        return (below.key + (bounds[place].key - below.key) * share) * 1e6
    }
}
