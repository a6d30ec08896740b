import RingBuffer
import Telemetry
import TestSupport
import Testing
import ThreadExecutor
import TradingModel

@testable import StrategyEngine

/// Requests and the timer on the engine's thread.
@Suite struct EngineRefillTests {
    /// An engine with a feed, a ring for answers and one for requests.
    private final class Engine<Sink: SignalSink & ~Copyable> {
        let actor: SMACrossoverActor<Sink>
        let metrics = MetricsRegistry()
        private let feed: RingProducer
        private let answers: RingProducer
        private let requests: RingConsumer
        private let records = SPSCRing(capacitySlots: 1 << 16)
        private let running: Task<Void, Never>

        init(sink: consuming Sink, idlePolicy: IdlePolicy = .park(afterPolls: 10)) throws {
            let parker = Parker()
            let rings = [SPSCRing(capacitySlots: 1 << 15), SPSCRing(capacitySlots: 1 << 12)]
            feed = RingProducer(rings[0], wakes: parker)
            answers = RingProducer(rings[1], wakes: parker)
            let requestRing = SPSCRing(capacitySlots: 16)
            requests = RingConsumer(requestRing)
            var configuration = EngineConfiguration(idlePolicy: idlePolicy)
            configuration.refill = RefillConfiguration()
            let actor = SMACrossoverActor(
                catalog: try catalog(short: 1, long: 2), feeds: rings, parker: parker, records: records,
                requests: RingProducer(requestRing, wakes: Parker()), sink: sink, configuration: configuration,
                metrics: metrics)
            self.actor = actor
            running = Task { await actor.run() }
        }

        /// Trades of now; odd ids are low, even ones high, so each from the third on crosses.
        func trade(_ ids: ClosedRange<UInt64>) {
            for id in ids {
                let isWritten = feed.tryWrite(tick(id, receiveNanos: MonotonicClock.now().rawValue))
                #expect(isWritten)
            }
            feed.publish()
        }

        func answer(_ ids: [UInt64], to ordinal: UInt64) {
            let end = RefillEnd(
                ordinal: ordinal, instrument: 0, kind: .trade, outcome: .complete, monotonic: MonotonicClock.now())
            for slot in ids.map({ tick($0, receiveNanos: 0) }) + [end.slot] {
                let isWritten = answers.tryWrite(slot)
                #expect(isWritten)
            }
            answers.publish()
        }

        private func tick(_ id: UInt64, receiveNanos: UInt64) -> Tick {
            Tick(
                id: id, exchangeTimeNanos: Int64(id), receiveMonotonicNanos: receiveNanos, price: 10 + Int64(id % 2),
                quantity: 1, instrument: 0, kind: .trade, flags: receiveNanos == 0 ? .refilled : [], feed: 0)
        }

        func request() async throws -> RefillRequest {
            try await waitUntil("a request") { self.requests.occupancy > 0 }
            defer { requests.release(count: 1) }
            return RefillRequest(slot: requests.peek(most: 1, as: Tick.self)[0])!
        }

        func stop() async -> Recorded {
            await actor.stop()
            await running.value
            actor.shutdown()
            return Recorded(RingConsumer(records))
        }
    }

    @Test(arguments: [IdlePolicy.park(afterPolls: 10), .spin])
    func `what is refilled is decided and published, and no latency is recorded of it`(idlePolicy: IdlePolicy)
        async throws
    {
        let sink = RecordingSink.Record()
        let engine = try Engine(sink: RecordingSink(record: sink), idlePolicy: idlePolicy)
        engine.trade(1...10)
        engine.trade(31...40)
        let request = try await engine.request()
        #expect(request.firstID == 11 && request.lastID == 30)
        #expect(sink.signals.map(\.tickID) == Array(3...10))
        engine.answer(Array((11...30).reversed()), to: request.ordinal)
        try await waitUntil("all is decided") { sink.signals.count == 38 }
        engine.trade(41...41)
        let records = await engine.stop()
        #expect(sink.signals.map(\.tickID) == Array(3...41) && records.ticks.map(\.id) == Array(1...41))
        // 21 live trades; the first two are no signals.
        #expect(engine.metrics.snapshot("tickline_tick_to_decision_seconds").count == 21)
        #expect(engine.metrics.snapshot("tickline_tick_to_signal_seconds").count == 19)
        for stage in ["queue", "decide"] {
            #expect(engine.metrics.snapshot("tickline_stage_seconds", labels: [("stage", stage)]).count == 21)
        }
        #expect(records.gaps.map(\.isRefilled) == [true])
    }

    @Test func `without an answer a sleeping engine goes on by itself`() async throws {
        let sink = RecordingSink.Record()
        let engine = try Engine(sink: RecordingSink(record: sink))
        engine.trade(1...10)
        let start = MonotonicClock.now()
        engine.trade(12...20)
        _ = try await engine.request()
        try await waitUntil("the rest is decided", timeout: .seconds(20)) {
            engine.metrics.total("tickline_ticks_total") == 19
        }
        let seconds = Double(MonotonicClock.now().nanos(since: start)) / 1e9
        print("figure: without an answer ticks went on after \(seconds) s")
        #expect(seconds >= 3)
        // The window is whole at 13.
        #expect(sink.signals.map(\.tickID) == Array(3...10) + Array(13...20))
        let records = await engine.stop()
        #expect(records.gaps.map { [$0.firstID, $0.lastID] } == [[11, 11]])
        #expect(engine.metrics.snapshot("tickline_tick_to_decision_seconds").count == 19)
    }

    @Test func `what is due waits for room in the sink, and what comes meanwhile waits behind it`() async throws {
        let sink = RecordingSink.Record()
        let engine = try Engine(sink: RecordingSink(record: sink, capacity: 10))
        engine.trade(1...10)
        engine.trade(12...40)
        engine.answer([11], to: try await engine.request().ordinal)
        engine.trade(41...50)
        var signals: [UInt64] = []
        try await waitUntil("all is published") {
            if sink.signals.count == 10 || signals.count == 40 {
                signals += sink.signals.map(\.tickID)
                sink.removeAll()
            }
            return signals.count + sink.signals.count == 48
        }
        #expect(signals + sink.signals.map(\.tickID) == Array(3...50))
        #expect(engine.metrics.total("tickline_engine_stalls_total") > 0)
        let records = await engine.stop()
        #expect(records.ticks.map(\.id) == Array(1...50))
    }

    @Test func `an engine that stops waits for nothing`() async throws {
        let sink = RecordingSink.Record()
        let engine = try Engine(sink: RecordingSink(record: sink))
        engine.trade(1...10)
        engine.trade(12...20)
        _ = try await engine.request()
        let start = MonotonicClock.now()
        let records = await engine.stop()
        print("figure: stopped after \(MonotonicClock.now().nanos(since: start) / 1_000) µs")
        #expect(records.gaps.map { [$0.firstID, $0.lastID] } == [[11, 11]])
        #expect(records.ticks.count == 19 && sink.signals.count == 16)
        #expect(engine.metrics.total("tickline_dropped_total") == 0)
    }

    @Test func `an engine that is abandoned counts the ticks that wait`() async throws {
        let engine = try Engine(sink: RecordingSink(record: RecordingSink.Record()))
        engine.trade(1...10)
        engine.trade(12...20)
        _ = try await engine.request()
        try await waitUntil("all wait") { engine.metrics.total("tickline_held_ticks") == 9 }
        await engine.actor.abandon()
        _ = await engine.stop()
        #expect(engine.metrics.value("tickline_dropped_total", "undecided_tick") == 9)
    }
}
