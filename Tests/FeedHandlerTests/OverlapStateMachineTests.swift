import FeedHandler
import Testing
import TradingModel

/// Which of two connections is wanted, without either.
struct OverlapStateMachineTests {
    private func machine(lifetimeSeconds: UInt64? = 100, random: UInt64 = 0) -> OverlapStateMachine {
        OverlapStateMachine(
            limits: OverlapStateMachine.Limits(lifetimeMillis: lifetimeSeconds.map { $0 * 1_000 }), random: { random })
    }

    private func seconds(_ seconds: Double) -> MonotonicNanos { MonotonicNanos(rawValue: UInt64(seconds * 1e9)) }

    private func wanted(_ machine: borrowing OverlapStateMachine) -> [Bool] {
        [machine.isWanted(0), machine.isWanted(1)]
    }

    @Test func `one connection serves until its time is up, then both, then the other`() {
        var machine = machine()
        #expect(wanted(machine) == [true, false] && machine.deadline(of: 0) == nil)
        machine.didOpen(0, at: seconds(1))
        #expect(machine.deadline(of: 0) == seconds(101) && machine.deadline(of: 1) == nil)
        machine.advance(0, to: seconds(100.9))
        #expect(wanted(machine) == [true, false])
        machine.advance(0, to: seconds(101))
        #expect(wanted(machine) == [true, true] && machine.active == 0)
        machine.didOpen(1, at: seconds(102))
        // Until all its streams have delivered, and a moment more.
        #expect(machine.deadline(of: 1) == seconds(112) && machine.deadline(of: 0) == nil)
        machine.didDeliverAll(1, at: seconds(103))
        #expect(machine.deadline(of: 1) == seconds(104))
        machine.advance(1, to: seconds(104))
        #expect(wanted(machine) == [false, true] && machine.active == 1 && machine.leaveReason == .planned)
        // The next one not before the old one has left.
        #expect(machine.deadline(of: 1) == nil)
        machine.didClose(0)
        #expect(machine.deadline(of: 1) == seconds(202) && wanted(machine) == [false, true])
    }

    @Test func `a stream that delivers nothing holds it up for a bounded time`() {
        var machine = machine()
        machine.didOpen(0, at: seconds(0))
        machine.advance(0, to: seconds(100))
        machine.didOpen(1, at: seconds(100))
        machine.advance(1, to: seconds(109.9))
        #expect(machine.active == 0)
        machine.advance(1, to: seconds(110))
        #expect(machine.active == 1 && wanted(machine) == [false, true])
    }

    @Test func `the exchange's word opens the other one at once, also without a time limit`() {
        var machine = machine(lifetimeSeconds: nil)
        machine.didOpen(0, at: seconds(0))
        #expect(machine.deadline(of: 0) == nil)
        // From the one that rests it is nothing to the pair.
        #expect(!machine.didAskForNew(1) && wanted(machine) == [true, false])
        #expect(machine.didAskForNew(0) && wanted(machine) == [true, true])
        machine.didOpen(1, at: seconds(1))
        machine.didDeliverAll(1, at: seconds(1))
        machine.advance(1, to: seconds(2))
        #expect(wanted(machine) == [false, true] && machine.leaveReason == .serverShutdown)
    }

    @Test func `where one is lost during the overlap the other goes on`() {
        var machine = machine()
        machine.didOpen(0, at: seconds(0))
        machine.advance(0, to: seconds(100))
        machine.didOpen(1, at: seconds(100))
        machine.didClose(1)
        #expect(machine.active == 0 && wanted(machine) == [true, true] && machine.deadline(of: 1) == nil)
        machine.didOpen(1, at: seconds(101))
        machine.didClose(0)
        #expect(machine.active == 1 && wanted(machine) == [false, true])
        #expect(machine.deadline(of: 1) == seconds(201))
    }

    @Test(arguments: [0, 1]) func `where both are lost the first that opens serves`(first: Int) {
        var machine = machine()
        machine.didOpen(0, at: seconds(0))
        machine.advance(0, to: seconds(100))
        machine.didClose(0)
        #expect(wanted(machine) == [true, true] && machine.active == 0)
        machine.didOpen(first, at: seconds(105))
        #expect(machine.active == first && !machine.isOverlapping)
        #expect(machine.isWanted(first) && !machine.isWanted(1 - first))
    }

    @Test func `a connection that is not wanted any more when it opens changes nothing`() {
        var machine = machine()
        machine.didOpen(0, at: seconds(0))
        machine.didOpen(1, at: seconds(1))
        #expect(machine.active == 0 && wanted(machine) == [true, false])
        machine.didDeliverAll(1, at: seconds(2))
        machine.advance(1, to: seconds(50))
        #expect(machine.active == 0)
        machine.didClose(1)
        #expect(machine.deadline(of: 0) == seconds(100))
    }

    @Test func `connections opened together are replaced up to a twentieth earlier, apart from each other`() {
        for (random, expected) in [(0, 100.0), (5_000, 95), (5_001, 100), (2_500, 97.5)] as [(UInt64, Double)] {
            var machine = machine(random: random)
            machine.didOpen(0, at: seconds(0))
            #expect(machine.deadline(of: 0) == seconds(expected))
        }
    }
}
