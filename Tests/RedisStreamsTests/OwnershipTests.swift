import Glibc
import Synchronization
import Telemetry
import TestSupport
import Testing
import ThreadExecutor
import TradingModel

@testable import RedisStreams

@Suite(.serialized) struct OwnershipTests {
    /// An outbox whose socket's state is a plain variable: two owners at once would lose increments.
    @Test func `the socket never has two owners, and no appended position is left lying`() async throws {
        let outbox = Outbox(capacity: 1_024, slotBytes: 64, knownIdentifiers: 16)
        let count = 200_000
        let guarded = Unguarded()
        let engine = DedicatedThread(name: "engine") {
            for index in 0..<count {
                while outbox.freeSlots == 0 { spinPause() }
                outbox.append()
                guard outbox.ownership.tryBegin() == .begun else { continue }
                guarded.value += 1
                guarded.taken = outbox.head
                guarded.engineTurns += 1
                // Every seventh is a short write.
                if index % 7 == 0 { outbox.ownership.handOver() } else { outbox.ownership.end() }
            }
        }
        let publisher = DedicatedThread(name: "publisher") {
            while guarded.seen.load(ordering: .relaxed) < count {
                switch outbox.ownership.tryTakeBack() {
                case .engineSends: continue
                case .taken, .alreadyOwned:
                    guarded.value += 1
                    guarded.taken = outbox.head
                    outbox.setRetained(guarded.taken)
                    let taken = guarded.taken
                    guarded.seen.store(Int(taken), ordering: .relaxed)
                    guarded.turns += 1
                    outbox.ownership.grant()
                    // As the publisher does: what came between the look and the grant must not be left.
                    if outbox.head != taken { _ = outbox.ownership.tryTakeBack() }
                    for _ in 0..<100 where outbox.ownership.isPublishers == false { spinPause() }
                }
            }
        }
        engine.join()
        publisher.join()
        #expect(guarded.seen.load(ordering: .relaxed) == count)
        #expect(guarded.value == guarded.turns + guarded.engineTurns)
        print(
            "ownership: \(count) appends, \(guarded.turns) turns of the publisher, \(guarded.engineTurns) of the engine"
        )
    }

    /// A publisher that keeps the socket and sleeps without a limit: one wake-up missed would be the end.
    @Test(.timeLimit(.minutes(1)))
    func `a publisher that keeps the socket and sleeps is woken for every signal it would miss`() async throws {
        let outbox = Outbox(capacity: 1_024, slotBytes: 64, knownIdentifiers: 16)
        let wakeup = Wakeup()
        let count = 200_000
        let woken = Atomic<Int>(0)
        let engine = DedicatedThread(name: "engine") {
            for index in 0..<count {
                while outbox.freeSlots == 0 { spinPause() }
                outbox.append()
                if outbox.ownership.tryBegin() == .publisherWaits {
                    wakeup.wake()
                    woken.wrappingAdd(1, ordering: .relaxed)
                }
                // A pause now and then, so that the publisher does fall asleep.
                if index % 64 == 0 { for _ in 0..<2_000 { spinPause() } }
            }
        }
        let publisher = DedicatedThread(name: "publisher") {
            while outbox.retained < count {
                let taken = outbox.head
                outbox.setRetained(taken)
                outbox.ownership.announceWait()
                if outbox.head != taken {
                    _ = outbox.ownership.tryTakeBack()
                    continue
                }
                guard taken < count else { return }
                var descriptor = pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0)
                _ = poll(&descriptor, 1, -1)
                wakeup.clear()
            }
        }
        engine.join()
        publisher.join()
        #expect(outbox.retained == count)
        #expect(woken.load(ordering: .relaxed) > 0)
        print("ownership: \(count) appends, a sleeping publisher woken \(woken.load(ordering: .relaxed)) times")
    }

    /// What the ownership guards; a race here is what the thread sanitizer would report.
    private final class Unguarded: @unchecked Sendable {
        // Unchecked: exactly what is under test.
        var value = 0
        var turns = 0
        var engineTurns = 0
        var taken: UInt64 = 0
        let seen = Atomic<Int>(0)
    }

    @Test func `an engine at full speed against a real server loses and doubles nothing while connections are killed`()
        async throws
    {
        let server = try await RedisServer()
        let rig = try Rig(try Fixture.configuration(server.url))
        let count = 20_000
        let engine = Engine(rig.publisher.makeSink(), count: count)
        rig.publisher.start()
        _ = await rig.publisher.waitUntilSynchronised(timeout: .seconds(10))
        let probe = try Probe(server.url)
        let thread = DedicatedThread(name: "engine") { engine.run() }
        var kills = 0
        try await waitUntil("the engine is done", timeout: .seconds(60)) {
            if kills < 20 {
                kills += 1
                try probe("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            }
            return engine.isDone
        }
        thread.join()
        print("full speed: \(count) signals, \(kills) kills")
        try await rig.drained()
        #expect(try probe.identifiers() == (0..<count).map(Fixture.identifier))
        #expect(rig.metrics.total("tickline_redis_connections_total") > 1)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(5)) == 0)
    }

    /// The sink's one user.
    private final class Engine: @unchecked Sendable {
        // Unchecked: the sink is used by the one thread that calls `run`.
        private var sink: RedisSignalSink
        private let count: Int
        private let done = Atomic<Bool>(false)

        init(_ sink: consuming RedisSignalSink, count: Int) {
            self.sink = sink
            self.count = count
        }

        var isDone: Bool { done.load(ordering: .acquiring) }

        func run() {
            for index in 0..<count {
                while !sink.hasRoom(for: 1) { spinPause() }
                _ = sink.publish(Fixture.signal(index))
                if index % 5 == 0 { sink.flush() }
            }
            sink.flush()
            done.store(true, ordering: .releasing)
        }
    }
}
