import Testing
import TradingModel

@testable import StoreWriter

@Suite struct BatchStateMachineTests {
    private static let millisecond: UInt64 = 1_000_000

    private func time(_ millis: UInt64) -> MonotonicNanos { MonotonicNanos(rawValue: millis * Self.millisecond) }

    private func preparedMachine(
        _ change: (inout StoreWriterConfiguration) -> Void = { _ in }
    ) -> BatchStateMachine {
        var configuration = StoreWriterConfiguration()
        change(&configuration)
        var machine = BatchStateMachine(configuration: configuration)
        #expect(machine.next(waitingRecords: 0, now: time(0)) == .prepare)
        machine.prepared()
        return machine
    }

    @Test func `prepares before anything else, also with records waiting`() {
        var machine = BatchStateMachine(configuration: StoreWriterConfiguration())
        #expect(machine.next(waitingRecords: 5_000, now: time(0)) == .prepare)
    }

    @Test func `polls while nothing waits`() {
        var machine = preparedMachine()
        #expect(machine.next(waitingRecords: 0, now: time(0)) == .wait(nanos: 5 * Self.millisecond))
        #expect(machine.next(waitingRecords: 0, now: time(500)) == .wait(nanos: 5 * Self.millisecond))
    }

    @Test func `writes a full batch at once and a small one when it is old enough`() {
        var machine = preparedMachine()
        #expect(machine.next(waitingRecords: 1_000, now: time(0)) == .write)
        machine.acknowledged(now: time(1), waitingRecords: 0)

        #expect(machine.next(waitingRecords: 1, now: time(100)) == .wait(nanos: 5 * Self.millisecond))
        #expect(machine.next(waitingRecords: 999, now: time(123)) == .wait(nanos: 2 * Self.millisecond))
        #expect(machine.next(waitingRecords: 999, now: time(125)) == .write)
    }

    @Test func `counts age from the first record after an acknowledged batch`() {
        var machine = preparedMachine()
        #expect(machine.next(waitingRecords: 1_000, now: time(0)) == .write)
        machine.acknowledged(now: time(10), waitingRecords: 3)
        #expect(machine.next(waitingRecords: 3, now: time(34)) == .wait(nanos: Self.millisecond))
        #expect(machine.next(waitingRecords: 3, now: time(35)) == .write)
    }

    @Test func `the lower of the limits on records and bytes holds`() {
        var machine = preparedMachine { $0.mostBatchBytes = 10 * 64 }
        #expect(machine.next(waitingRecords: 9, now: time(0)) != .write)
        #expect(machine.next(waitingRecords: 10, now: time(0)) == .write)
    }

    @Test func `prepares again after a failure and then writes the batch in hand`() {
        var machine = preparedMachine()
        #expect(machine.next(waitingRecords: 1_000, now: time(0)) == .write)
        machine.failed(now: time(1), isRefusal: false, jitter: 1)
        #expect(machine.next(waitingRecords: 1_000, now: time(1)) == .wait(nanos: 100 * Self.millisecond))
        #expect(machine.next(waitingRecords: 1_000, now: time(101)) == .prepare)
        machine.prepared()
        let hadBatch = machine.hasBatch
        #expect(hadBatch)
        #expect(machine.next(waitingRecords: 1_000, now: time(102)) == .write)
        machine.acknowledged(now: time(103), waitingRecords: 0)
        let hasBatch = machine.hasBatch
        #expect(!hasBatch)
    }

    @Test(arguments: [0.0, 0.5, 1.0])
    func `doubles its pauses from the first to the longest`(jitter: Double) {
        var machine = BatchStateMachine(configuration: StoreWriterConfiguration())
        var now: UInt64 = 0
        var pauses: [UInt64] = []
        for _ in 0..<40 {
            #expect(machine.next(waitingRecords: 1, now: MonotonicNanos(rawValue: now)) == .prepare)
            machine.failed(now: MonotonicNanos(rawValue: now), isRefusal: false, jitter: jitter)
            guard case .wait(let nanos) = machine.next(waitingRecords: 1, now: MonotonicNanos(rawValue: now)) else {
                Issue.record("no pause after a failure")
                return
            }
            pauses.append(nanos / Self.millisecond)
            now += nanos
        }
        let full: [UInt64] = [100, 200, 400, 800, 1_000]
        for (index, pause) in pauses.enumerated() {
            let most = index < full.count ? full[index] : 1_000
            #expect(pause == max(100, most / 2 + UInt64(Double(most / 2) * jitter)))
        }
    }

    @Test func `waits the longest pause after a refusal`() {
        var machine = BatchStateMachine(configuration: StoreWriterConfiguration())
        #expect(machine.next(waitingRecords: 1, now: time(0)) == .prepare)
        machine.failed(now: time(0), isRefusal: true, jitter: 1)
        #expect(machine.next(waitingRecords: 1, now: time(0)) == .wait(nanos: 1_000 * Self.millisecond))
    }

    @Test func `a success makes the next pause short again`() {
        var machine = preparedMachine()
        for round in 0..<2 {
            let base = UInt64(round) * 100_000
            #expect(machine.next(waitingRecords: 1_000, now: time(base)) == .write)
            machine.failed(now: time(base), isRefusal: false, jitter: 1)
            let failedAttempts = machine.failedAttempts
            #expect(failedAttempts == 1)
            #expect(machine.next(waitingRecords: 1_000, now: time(base + 200)) == .prepare)
            machine.prepared()
            #expect(machine.next(waitingRecords: 1_000, now: time(base + 200)) == .write)
            machine.acknowledged(now: time(base + 201), waitingRecords: 0)
        }
    }

    @Test func `writes what waits without regard to age when it is to stop, then finishes`() {
        var machine = preparedMachine()
        #expect(machine.next(waitingRecords: 1, now: time(0), stopBy: time(1_000)) == .write)
        machine.acknowledged(now: time(1), waitingRecords: 0)
        #expect(machine.next(waitingRecords: 0, now: time(1), stopBy: time(1_000)) == .finish)
    }

    @Test func `finishes at the deadline with records left`() {
        var machine = preparedMachine()
        #expect(machine.next(waitingRecords: 1_000, now: time(0)) == .write)
        machine.failed(now: time(0), isRefusal: true, jitter: 1)
        #expect(
            machine.next(waitingRecords: 1_000, now: time(1), stopBy: time(300)) == .wait(nanos: 299 * Self.millisecond)
        )
        #expect(machine.next(waitingRecords: 1_000, now: time(300), stopBy: time(300)) == .finish)
    }
}
