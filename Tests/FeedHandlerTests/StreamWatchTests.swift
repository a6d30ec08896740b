import FeedHandler
import Testing
import TradingModel

/// A watch over streams with the subscriptions it tells of them, open since 0.
private struct WatchUnderTest: ~Copyable {
    var watch: StreamWatch
    var subscriptions: SubscriptionStateMachine

    init(_ places: [StreamWatch.Place], instruments: Int = 4) {
        watch = StreamWatch(places, instruments: instruments)
        subscriptions = SubscriptionStateMachine(
            streams: places.map { "\($0.instrument)@\($0.kind.name)" }, streamsInAddress: places.count)
        _ = subscriptions.didOpen(at: MonotonicNanos(rawValue: 0))
    }

    mutating func look(_ millis: UInt64) -> Bool {
        watch.look(at: MonotonicNanos(rawValue: millis * 1_000_000), telling: &subscriptions)
    }

    mutating func didSubscribe(_ streams: Range<Int>, _ millis: UInt64) {
        watch.didSubscribe(streams, at: MonotonicNanos(rawValue: millis * 1_000_000))
    }

    func didDeliver(_ instrument: UInt32, _ kind: RecordKind) {
        watch.didDeliver(instrument: instrument, kind: kind.rawValue)
    }
}

@Suite struct StreamWatchTests {
    private typealias Place = StreamWatch.Place

    @Test func `a stream that does not begin within 4 s is silent, and its first message ends that`() {
        var test = WatchUnderTest([
            Place(instrument: 0, kind: .trade), Place(instrument: 1, kind: .trade), Place(instrument: 1, kind: .quote),
        ])
        test.didSubscribe(0..<3, 0)
        test.didDeliver(0, .trade)
        test.didDeliver(1, .quote)
        let early = test.look(3_999)
        let late = test.look(4_199)
        let silent = test.watch.silent
        test.didDeliver(1, .trade)
        let back = test.look(4_400)
        #expect(!early && late && silent == [1] && back && test.watch.silent.isEmpty)
        // Later silence is that of a quiet market.
        let quiet = test.look(1_000_000)
        #expect(!quiet && test.watch.silent.isEmpty)
    }

    @Test func `looks at most every 200 ms`() {
        var test = WatchUnderTest([Place(instrument: 0, kind: .trade)])
        let unsubscribed = test.watch.deadline
        test.didSubscribe(0..<1, 100)
        let deadline = test.watch.deadline
        let early = test.look(299)
        let unmoved = test.watch.deadline
        let due = test.look(300)
        #expect(unsubscribed == nil && deadline == MonotonicNanos(rawValue: 300_000_000) && unmoved == deadline)
        #expect(!early && !due && test.watch.deadline == MonotonicNanos(rawValue: 500_000_000))
    }

    @Test func `a limit from the settings holds for the first message and for later ones`() {
        var alarms = SilenceAlarms()
        let isSet = alarms.set("10")
        let limits = alarms.general
        var test = WatchUnderTest([
            Place(instrument: 0, kind: .trade, limits: limits), Place(instrument: 1, kind: .trade, limits: .off),
        ])
        test.didSubscribe(0..<2, 0)
        let early = test.look(9_900)
        let first = test.look(10_100)
        test.didDeliver(0, .trade)
        let heard = test.look(12_000)
        let still = test.look(21_900)
        let later = test.look(22_100)
        #expect(isSet && !early && first && heard && !still && later && test.watch.silent == [0])
    }

    @Test func `streams of one instrument and kind share a mark`() {
        var test = WatchUnderTest([
            Place(instrument: 3, kind: .depth), Place(instrument: 3, kind: .depth), Place(instrument: 3, kind: .kline),
        ])
        test.didSubscribe(0..<3, 0)
        test.didDeliver(3, .depth)
        _ = test.look(1_000)
        let silent = test.look(5_000)
        #expect(silent && test.watch.silent == [2])
    }

    @Test func `each stream is awaited from its own subscription on`() {
        var test = WatchUnderTest((0..<3).map { Place(instrument: $0, kind: .trade) })
        test.didSubscribe(0..<1, 0)
        test.didSubscribe(1..<2, 3_000)
        // A second answer about the same stream changes nothing.
        test.didSubscribe(0..<1, 3_000)
        let first = test.look(4_100)
        let afterFirst = test.watch.silent
        let second = test.look(7_100)
        #expect(first && afterFirst == [0] && second && test.watch.silent == [0, 1])
    }

    @Test func `a lost connection ends every silence, and the next one begins anew`() {
        var test = WatchUnderTest([Place(instrument: 0, kind: .trade), Place(instrument: 1, kind: .trade)])
        test.didSubscribe(0..<2, 0)
        _ = test.look(5_000)
        test.didDeliver(0, .trade)
        test.watch.didDisconnect()
        let (silent, deadline) = (test.watch.silent, test.watch.deadline)
        test.didSubscribe(0..<2, 6_000)
        let early = test.look(9_900)
        let late = test.look(10_100)
        #expect(silent.isEmpty && deadline == nil && !early && late && test.watch.silent == [0, 1])
    }

    @Test func `tells the subscriptions of a stream that came although it was refused`() {
        var test = WatchUnderTest([Place(instrument: 0, kind: .trade), Place(instrument: 1, kind: .trade)])
        test.didSubscribe(0..<2, 0)
        _ = test.subscriptions.advance(to: MonotonicNanos(rawValue: 0))
        let answer = test.subscriptions.didReceive(
            SubscriptionReply(id: 1, outcome: .list(["0@trade"])), at: MonotonicNanos(rawValue: 1))
        test.didDeliver(1, .trade)
        let hasChanged = test.look(1_000)
        #expect(answer == .fail(.absent, streams: [1], words: "missing in the exchange's list"))
        #expect(hasChanged && test.subscriptions.failed.isEmpty)
    }

    @Test(arguments: [
        ("60", true), ("1", true), ("86400", true), ("off", true), ("btcusdt@trade=5", true),
        ("BTCUSDT@depth@100ms=off", true), ("", false), ("0", false), ("86401", false), ("-1", false), ("1.5", false),
        ("4s", false), ("btcusdt=5", false), ("a@trade=5=6", false), ("a@trade=", false),
    ])
    func `reads the setting`(text: String, isRead: Bool) {
        var alarms = SilenceAlarms()
        #expect(alarms.set(Substring(text)) == isRead)
        if text == "btcusdt@trade=5" {
            #expect(alarms.byStream == ["BTCUSDT@trade": SilenceLimits(firstMillis: 5_000, laterMillis: 5_000)])
        }
        if !isRead { #expect(alarms == SilenceAlarms()) }
    }
}
