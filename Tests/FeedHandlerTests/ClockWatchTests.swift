import FeedHandler
import Testing
import TradingModel

@Suite struct ClockWatchTests {
    private func time(_ millis: UInt64) -> MonotonicNanos { MonotonicNanos(rawValue: millis * 1_000_000) }

    @Test func `a clock step of more than 100 µs is put on record, once`() {
        var watch = ClockWatch()
        watch.begin(with: 1_000_000_000)
        for (millis, offset, hasMoved) in [
            (0, 1_000_000_000, false), (10, 1_000_100_000, false), (20, 1_000_100_001, true),
            (30, 1_000_100_001, false), (40, 1_000_000_000, true), (50, -5, true), (60, -100_005, false),
        ] as [(UInt64, Int64, Bool)] {
            #expect(watch.hasMoved(at: time(millis)) { _ in offset } == hasMoved, "at \(millis) ms")
            if hasMoved { #expect(watch.wallOffsetNanos == offset) }
        }
    }

    @Test func `a slow drift is put on record when it has added up`() {
        var watch = ClockWatch()
        let records = (0..<100).filter { step in
            watch.hasMoved(at: time(UInt64(step) * 10)) { _ in Int64(step) * 30_000 }
        }
        // Steps of 30 µs pass 100 µs at every fourth.
        #expect(records == Array(stride(from: 4, to: 100, by: 4)))
    }

    @Test func `looks at most every 10 ms and bears a failed measurement`() {
        var watch = ClockWatch()
        var looks = 0
        for micros in 0..<50_000 {
            let now = MonotonicNanos(rawValue: UInt64(micros) * 1_000)
            let hasMoved = watch.hasMoved(at: now) { _ in
                looks += 1
                return nil
            }
            #expect(!hasMoved)
        }
        #expect(looks == 5 && watch.wallOffsetNanos == 0)
    }
}
