import RingBuffer
import Synchronization
import Testing
import ThreadExecutor

/// One slot: a sequence number and a checksum over it, so a torn or stale slot shows.
struct StressRecord: BitwiseCopyable {
    var sequence: UInt64
    var filler: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
    var check: UInt64

    init(_ sequence: UInt64) {
        self.sequence = sequence
        filler = (sequence, ~sequence, sequence &* 3, sequence &* 5, sequence &* 7, sequence &* 11)
        check = sequence ^ 0xA5A5_A5A5_A5A5_A5A5
    }

    var isIntact: Bool {
        check == sequence ^ 0xA5A5_A5A5_A5A5_A5A5 && filler.0 == sequence && filler.1 == ~sequence
            && filler.5 == sequence &* 11
    }
}

@Suite struct SPSCRingTests {
    @Test func `a record is one slot`() { #expect(MemoryLayout<StressRecord>.size == 64) }

    @Test func `refuses a claim when full and takes one again after a release`() {
        let ring = SPSCRing(capacitySlots: 4)
        let producer = RingProducer(ring)
        let consumer = RingConsumer(ring)
        for sequence in 0..<4 as Range<UInt64> {
            let isWritten = producer.tryWrite(StressRecord(sequence))
            #expect(isWritten)
        }
        var isRefused = producer.tryClaim() == nil
        #expect(isRefused && ring.occupancy == 0)
        producer.publish()
        isRefused = producer.tryClaim() == nil
        #expect(isRefused && ring.occupancy == 4)
        let count = consumer.peek(most: 2, as: StressRecord.self).count
        consumer.release(count: count)
        #expect(count == 2)
        let isWritten = producer.tryWrite(StressRecord(4))
        #expect(isWritten)
    }

    @Test func `aborted slots are never seen`() {
        let ring = SPSCRing(capacitySlots: 8)
        let producer = RingProducer(ring)
        let consumer = RingConsumer(ring)
        for sequence in 0..<3 as Range<UInt64> { _ = producer.tryWrite(StressRecord(sequence)) }
        producer.abort(count: 2)
        _ = producer.tryWrite(StressRecord(9))
        producer.publish()
        let seen = consumer.peek(most: 8, as: StressRecord.self).map(\.sequence)
        #expect(seen == [0, 9])
    }

    @Test func `a peek stops at the end of the memory and goes on at its start`() {
        let ring = SPSCRing(capacitySlots: 4)
        let producer = RingProducer(ring)
        let consumer = RingConsumer(ring)
        for round in 0..<9 as Range<UInt64> {
            for step in 0..<3 as Range<UInt64> { _ = producer.tryWrite(StressRecord(round * 3 + step)) }
            producer.publish()
            var seen: [UInt64] = []
            while seen.count < 3 {
                let batch = consumer.peek(most: 64, as: StressRecord.self)
                seen += batch.map(\.sequence)
                consumer.release(count: batch.count)
            }
            #expect(seen == [round * 3, round * 3 + 1, round * 3 + 2])
        }
    }

    /// A million records in debug and under the thread sanitizer; the release probe runs 10⁸ (HotPathTests).
    @Test(arguments: [(64, 1, true), (1_024, 32, true), (1_024, 32, false), (2, 1, true)])
    func `keeps order and loses nothing between two threads`(capacity: Int, batch: Int, parks: Bool) {
        let total: UInt64 = 1_000_000
        let ring = SPSCRing(capacitySlots: capacity)
        let parker = Parker()
        let faults = Atomic<Int>(0)
        let sum = Atomic<UInt64>(0)
        let consumer = DedicatedThread(name: "consumer") { [ring] in
            let ends = RingConsumer(ring)
            var expected: UInt64 = 0
            while expected < total {
                let records = ends.peek(most: 256, as: StressRecord.self)
                if records.isEmpty {
                    guard parks else { continue }
                    parker.prepare()
                    if ring.occupancy > 0 { parker.cancel() } else { parker.wait(timeoutNanos: 10_000_000_000) }
                    continue
                }
                for record in records {
                    if record.sequence != expected || !record.isIntact { faults.wrappingAdd(1, ordering: .relaxed) }
                    expected += 1
                }
                ends.release(count: records.count)
            }
            sum.store(expected, ordering: .releasing)
        }
        let producer = DedicatedThread(name: "producer") { [ring] in
            let end = RingProducer(ring, wakes: parks ? parker : nil)
            var next: UInt64 = 0
            while next < total {
                var staged = 0
                while staged < batch, next < total, end.tryWrite(StressRecord(next)) {
                    next += 1
                    staged += 1
                }
                if staged > 0 { end.publish() } else { spinPause() }
            }
        }
        producer.join()
        consumer.join()
        #expect(sum.load(ordering: .acquiring) == total)
        #expect(faults.load(ordering: .relaxed) == 0)
    }
}

@Suite struct ParkerTests {
    @Test func `a wake between the announcement and the sleep is not lost`() {
        let parker = Parker()
        for _ in 0..<1_000 {
            parker.prepare()
            parker.wake()
            // Would sleep for a minute if the wake were lost.
            parker.wait(timeoutNanos: 60_000_000_000)
        }
    }
}
