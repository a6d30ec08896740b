import FeedHandler
import Testing
import TradingModel

@Suite struct StandstillWatchTests {
    private func time(_ millis: UInt64) -> MonotonicNanos { MonotonicNanos(rawValue: millis * 1_000_000) }

    @Test func `three seconds without a sign of life are a standstill, a wait as long as was meant is none`() {
        var watch = StandstillWatch()
        watch.isAlive(at: time(1_000))
        #expect(watch.standstillNanos(until: time(4_000)) == nil)
        #expect(watch.standstillNanos(until: time(4_001)) == 3_001_000_000)
        watch.willSleep(at: time(5_000), atMostMillis: 2_000)
        #expect(watch.standstillNanos(until: time(10_000)) == nil)
        #expect(watch.standstillNanos(until: time(10_001)) == 5_001_000_000)
        // A wait that ended early is over.
        watch.willSleep(at: time(20_000), atMostMillis: 2_000)
        watch.isAlive(at: time(20_100))
        #expect(watch.standstillNanos(until: time(23_101)) == 3_001_000_000)
    }

    @Test func `a wait without an end is none either`() {
        var watch = StandstillWatch()
        watch.willSleep(at: time(1_000), atMostMillis: -1)
        #expect(watch.standstillNanos(until: time(100_000)) == nil)
    }
}
