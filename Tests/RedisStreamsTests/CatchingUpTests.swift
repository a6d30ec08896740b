import Telemetry
import TestSupport
import Testing
import ThreadExecutor
import TradingModel

@testable import RedisStreams

/// What signals that are decided while those of an outage are sent have to wait; a figure, no verdict: the machine's load is
/// in it.
@Suite(.serialized) struct CatchingUpTests {
    private static let rounds = 5
    /// Signals of the outage, and a second before and behind it.
    private static let (backlog, perSecond) = (4_000, 2_000)
    /// Between the outage's last signal and the server's return, so that the histogram tells both kinds apart.
    private static let quiet = Duration.milliseconds(400)

    /// Signals published at a steady rate, and from each tick to the write of those the engine wrote itself.
    private struct Stretch {
        var nanos: [UInt64] = []
        var queued = 0
        var duration = Duration.zero

        /// Publishes from `next` on until `isOver`, which is told how many it were.
        mutating func publish<Sink: SignalSink & ~Copyable>(
            _ sink: inout Sink, from next: inout Int, until isOver: (Int) -> Bool
        ) {
            let start = ContinuousClock.now
            var count = 0
            while !isOver(count) {
                while ContinuousClock.now - start < .microseconds(count * 1_000_000 / CatchingUpTests.perSecond) {}
                let signal = Fixture.signal(next)
                let outcome = sink.publish(signal)
                if outcome == .sent {
                    nanos.append(MonotonicClock.now().nanos(since: signal.receiveMonotonic))
                } else {
                    queued += 1
                }
                sink.flush()
                next += 1
                count += 1
            }
            duration += ContinuousClock.now - start
        }
    }

    @Test func `signals decided while an outage's are sent leave in their order, and how late is printed`() async throws
    {
        let server = try await RedisServer(appendOnly: true)
        var configuration = SignalPublisherConfiguration(
            endpoint: try RedisEndpoint(url: server.url), streamKey: "signals")
        configuration.trim = nil
        let rig = try Rig(configuration)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("ready") { rig.health.status.isReady }
        var (calm, catching, next) = (Stretch(), Stretch(), 0)
        var late: [UInt64: UInt64] = [:]
        for _ in 0..<Self.rounds {
            calm.publish(&sink, from: &next) { $0 == 300 }
            try await rig.drained()
            server.kill()
            try await waitUntil("the loss is noticed") { !rig.health.status.isReady }
            for _ in 0..<Self.backlog {
                _ = sink.publish(Fixture.signal(next))
                sink.flush()
                next += 1
            }
            try await Task.sleep(for: Self.quiet)  // See there.
            let (before, connections) = (snapshot(rig), rig.metrics.total("tickline_redis_connections_total"))
            try await server.restart()
            try await waitUntil("connected") { rig.metrics.total("tickline_redis_connections_total") > connections }
            catching.publish(&sink, from: &next) { _ in rig.publisher.pendingSignals < 100 }
            try await rig.drained()
            for (nanos, count) in snapshot(rig) where nanos < 300_000_000 {
                late[nanos, default: 0] += count - (before[nanos] ?? 0)
            }
        }
        #expect(try Probe(server.url).identifiers() == (0..<next).map(Fixture.identifier))
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
        let before = calm.nanos.sorted()[calm.nanos.count / 2]
        let all = (catching.nanos + late.flatMap { Array(repeating: $0, count: Int($1)) }).sorted()
        try #require(!all.isEmpty)
        print(
            "figure: Redis back after \(Self.backlog) signals, \(Self.rounds) times: tick-to-signal p50",
            "\(Double(before) / 1_000) µs before (\(calm.nanos.count)), \(Double(all[all.count / 2]) / 1_000) µs",
            "while they are caught up with (\(all.count), of them \(catching.queued) behind others), ratio",
            "\(Double(all[all.count / 2]) / Double(before)); caught up in \(catching.duration / Self.rounds)")
    }

    /// The histogram's buckets: highest nanoseconds and number.
    private func snapshot(_ rig: Rig) -> [UInt64: UInt64] {
        Dictionary(
            rig.metrics.snapshot("tickline_tick_to_signal_seconds").occupiedBuckets.map { ($0.highestNanos, $0.count) },
            uniquingKeysWith: +)
    }
}
