import Glibc
import RingBuffer
import ThreadExecutor

/// Costs of handing 64-byte records from one thread to another through `SPSCRing`.
///
/// Two threads, not pinned; a side that can't go on spins `spinsBeforeYield` times and then yields, so that two threads
/// on one processor don't wait out each other's time slices. Left out: parking, and the clock reads of real use.
enum RingBenchmarks {
    private static let capacitySlots = 65_536
    private static let spinsBeforeYield = 1_000
    private static let throughputRecords = 2_000_000
    private static let roundTrips = 20_000

    /// A record as large as a tick, without its meaning.
    private struct Record: BitwiseCopyable {
        var number: UInt64
        var rest: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0)
    }

    static let all = [
        Benchmark(name: "ring: push 1, pop 1", operations: throughputRecords) { transfer(publish: 1, consume: 1) },
        Benchmark(name: "ring: publish 1, consume ≤ 256", operations: throughputRecords) {
            transfer(publish: 1, consume: 256)
        },
        Benchmark(name: "ring: publish 32, consume ≤ 256", operations: throughputRecords) {
            transfer(publish: 32, consume: 256)
        },
        Benchmark(name: "ring: round trip over two rings", operations: roundTrips, run: roundTrip),
    ]

    /// Nanoseconds until a second thread has taken all records; traps where one is out of order.
    private static func transfer(publish batch: Int, consume most: Int) -> UInt64 {
        let ring = SPSCRing(capacitySlots: capacitySlots)
        return Runner.time {
            let consumer = DedicatedThread(name: "perf-consumer") {
                let consumer = RingConsumer(ring)
                var expected: UInt64 = 0
                var wait = Wait()
                while expected < UInt64(throughputRecords) {
                    let records = unsafe consumer.peek(most: most, as: Record.self)
                    guard !records.isEmpty else {
                        wait.pause()
                        continue
                    }
                    for index in records.indices {
                        precondition(unsafe records[index].number == expected, "the ring lost a record")
                        expected += 1
                    }
                    consumer.release(count: records.count)
                }
            }
            let producer = RingProducer(ring)
            var wait = Wait()
            for number in 0..<UInt64(throughputRecords) {
                while !producer.tryWrite(Record(number: number)) {
                    // What is claimed must be visible before waiting, or the consumer could not make room.
                    producer.publishQuietly()
                    wait.pause()
                }
                if (number + 1) % UInt64(batch) == 0 { producer.publishQuietly() }
            }
            producer.publishQuietly()
            consumer.join()
        }
    }

    private static func roundTrip() -> UInt64 {
        let there = SPSCRing(capacitySlots: 2)
        let back = SPSCRing(capacitySlots: 2)
        return Runner.time {
            let echo = DedicatedThread(name: "perf-echo") {
                let consumer = RingConsumer(there)
                let producer = RingProducer(back)
                for _ in 0..<roundTrips { send(take(consumer), producer) }
            }
            let producer = RingProducer(there)
            let consumer = RingConsumer(back)
            for number in 0..<UInt64(roundTrips) {
                send(Record(number: number), producer)
                precondition(take(consumer).number == number, "the echo is another record")
            }
            echo.join()
        }
    }

    private static func send(_ record: Record, _ producer: borrowing RingProducer) {
        precondition(producer.tryWrite(record), "one record is under way at a time")
        producer.publishQuietly()
    }

    private static func take(_ consumer: borrowing RingConsumer) -> Record {
        var wait = Wait()
        while true {
            let records = unsafe consumer.peek(most: 1, as: Record.self)
            if let record = unsafe records.first {
                consumer.release(count: 1)
                return record
            }
            wait.pause()
        }
    }

    /// Spins, and yields the processor now and then.
    private struct Wait {
        private var spins = 0

        @inline(__always)
        mutating func pause() {
            spinPause()
            spins += 1
            if spins.isMultiple(of: spinsBeforeYield) { sched_yield() }
        }
    }
}
