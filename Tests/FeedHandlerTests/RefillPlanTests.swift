import FeedHandler
import Testing
import TradingModel

/// The order of questions, without sockets: answers are rows of the decoder, times are said.
@Suite struct RefillPlanTests {
    private static func at(_ millis: UInt64) -> MonotonicNanos {
        MonotonicNanos(rawValue: (1_000 + millis) * 1_000_000)
    }

    private static let spot = Instrument(exchange: .binance, symbol: "BTCUSDT")
    private static let futures = Instrument(exchange: .binanceUSDM, symbol: "BTCUSDT")
    /// The hole's time, a millisecond wider on either side.
    private static let window = "startTime=1699999999999&endTime=1700000001001"

    /// A plan and the question it waits for an answer to.
    private struct Course: ~Copyable {
        var plan: RefillPlan
        var action: RefillPlan.Action
        var now: UInt64 = 0

        init(_ request: RefillRequest, of instrument: Instrument = RefillPlanTests.spot) {
            plan = RefillPlan(request, of: instrument, at: RefillPlanTests.at(0))
            action = plan.start(at: RefillPlanTests.at(0))
        }

        var query: RefillQuery? { if case .ask(let query) = action { query } else { nil } }
        var target: String? { query?.target }

        /// Answers the question with what the decoder makes of `body`.
        mutating func answer(_ body: String, isNearLimit: Bool = false) throws {
            let query = try #require(query)
            let page = try RefillSample.decode(body, of: query.endpoint, for: query.request).get()
            let isAccepted = plan.accepts(page)
            guard isAccepted else {
                action = plan.didMisread()
                return
            }
            action = plan.didAnswer(page, to: query, isNearLimit: isNearLimit, at: RefillPlanTests.at(now))
        }

        mutating func refuse() { action = plan.didRefuse(at: RefillPlanTests.at(now)) }
        mutating func fail() { action = plan.didFail(at: RefillPlanTests.at(now)) }
        mutating func hold(untilMillis: UInt64) { action = plan.hold(until: RefillPlanTests.at(untilMillis)) }

        /// Sleeps as long as it wants to.
        mutating func sleep() throws {
            guard case .wait(let time) = action else { throw PlanSurprise(action: "\(action)") }
            now = (time.rawValue / 1_000_000) - 1_000
            action = plan.resume(at: time)
        }
    }

    private struct PlanSurprise: Error { var action: String }

    // MARK: trades

    @Test func `asks for Spot trades in pages from id to id`() throws {
        var course = Course(RefillSample.request(101...2_350))
        #expect(course.target == "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=101&limit=1000")
        #expect(course.query?.timeoutMillis == 1_200)
        try course.answer(RefillSample.trades(101...1_100))
        #expect(course.target == "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=1101&limit=1000")
        #expect(course.query?.request.firstID == 1_101 && course.query?.request.lastID == 2_350)
        try course.answer(RefillSample.trades(1_101...2_100))
        #expect(course.target == "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=2101&limit=250")
        try course.answer(RefillSample.trades(2_101...2_350))
        #expect(course.action == .end(.complete))
    }

    @Test func `asks again where the history does not reach the hole's end yet, and then believes it`() throws {
        var course = Course(RefillSample.request(101...110))
        try course.answer(RefillSample.trades(101...107))
        #expect(course.action == .wait(until: Self.at(100)))
        try course.sleep()
        #expect(course.target == "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=108&limit=3")
        try course.answer(RefillSample.trades(108...109))
        try course.sleep()
        #expect(course.target == "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=110&limit=1")
        try course.answer("[]")
        #expect(course.action == .end(.complete))
    }

    @Test func `goes on behind ids that the exchange does not have`() throws {
        var course = Course(RefillSample.request(101...110))
        // Ten rows as asked, but beyond the range: the exchange has no more of it.
        try course.answer(RefillSample.trades([103, 104, 109, 111, 112, 113, 114, 115, 116, 117]))
        #expect(course.action == .end(.complete))
    }

    @Test func `does not take rows in front of what it asked for`() throws {
        var trades = Course(RefillSample.request(101...110))
        try trades.answer(RefillSample.trades(100...109))
        #expect(trades.action == .end(.failed))
        var aggregates = Course(RefillSample.request(101...110, kind: .aggregateTrade))
        try aggregates.answer(RefillSample.body([RefillSample.aggregate(100, 1...2)]))
        #expect(aggregates.action == .end(.failed))
    }

    // MARK: aggregates

    @Test func `takes aggregates of the hole's time where trades are refused`() throws {
        var course = Course(RefillSample.request(101...5_000))
        course.refuse()
        #expect(course.target == "/api/v3/aggTrades?symbol=BTCUSDT&\(Self.window)&limit=1000")
        #expect(course.query?.endpoint == .spotAggregates)
        let rows = (0..<1_000 as Range<UInt64>).map { RefillSample.aggregate(7_000 + $0, 101 + 2 * $0...102 + 2 * $0) }
        try course.answer(RefillSample.body(rows))
        #expect(course.target == "/api/v3/aggTrades?symbol=BTCUSDT&fromId=8000&limit=1000")
        #expect(course.query?.request.firstID == 2_101)
        try course.answer(RefillSample.body([RefillSample.aggregate(8_000, 2_101...5_001)]))
        #expect(course.action == .end(.complete))
        // Refused as well.
        var refused = Course(RefillSample.request(101...5_000))
        refused.refuse()
        refused.refuse()
        #expect(refused.action == .end(.refused))
    }

    @Test func `what trades were there before the refusal is not asked for again`() throws {
        var course = Course(RefillSample.request(101...1_200))
        try course.answer(RefillSample.trades(101...1_100))
        course.refuse()
        #expect(course.target == "/api/v3/aggTrades?symbol=BTCUSDT&\(Self.window)&limit=1000")
        #expect(course.query?.request.firstID == 1_101)
        try course.answer(RefillSample.body([RefillSample.aggregate(5, 1_000...1_200)]))
        #expect(course.action == .end(.complete))
    }

    @Test func `asks for Spot aggregates by id`() throws {
        var course = Course(RefillSample.request(50...1_060, kind: .aggregateTrade))
        #expect(course.target == "/api/v3/aggTrades?symbol=BTCUSDT&fromId=50&limit=1000")
        try course.answer(
            RefillSample.body((50..<1_050 as Range<UInt64>).map { RefillSample.aggregate($0, $0...$0, timeMillis: 9) }))
        #expect(course.target == "/api/v3/aggTrades?symbol=BTCUSDT&fromId=1050&limit=11")
        try course.answer(
            RefillSample.body((1_050...1_060 as ClosedRange<UInt64>).map { RefillSample.aggregate($0, $0...$0) }))
        #expect(course.action == .end(.complete))
        var refused = Course(RefillSample.request(50...60, kind: .aggregateTrade))
        refused.refuse()
        #expect(refused.action == .end(.refused))
    }

    @Test(arguments: [RecordKind.trade, .aggregateTrade])
    func `asks for USD-M trades by the hole's time`(kind: RecordKind) throws {
        var course = Course(RefillSample.request(50...60, kind: kind), of: Self.futures)
        #expect(course.target == "/fapi/v1/aggTrades?symbol=BTCUSDT&\(Self.window)&limit=1000")
        #expect(course.query?.endpoint == .futuresAggregates)
        try course.answer(
            RefillSample.body((40...60 as ClosedRange<UInt64>).map { RefillSample.aggregate($0, $0...$0) }))
        #expect(course.action == .end(.complete))
        course = Course(RefillSample.request(50...60, kind: kind), of: Self.futures)
        course.refuse()
        #expect(course.action == .end(.refused))
    }

    @Test func `an aggregate behind the hole's time ends it`() throws {
        // USD-M trades that are no market trades are in no aggregate: the last ids may never come.
        var course = Course(RefillSample.request(50...60), of: Self.futures)
        try course.answer(RefillSample.body([RefillSample.aggregate(7, 50...57)]))
        try course.sleep()
        #expect(course.target == "/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=8&limit=1000")
        try course.answer(RefillSample.body([RefillSample.aggregate(9, 58...58, timeMillis: 1_700_000_001_002)]))
        #expect(course.action == .end(.complete))
    }

    @Test func `divides a long hole's time into windows below an hour`() throws {
        let request = RefillSample.request(50...60, beforeMillis: 1_700_000_000_000, afterMillis: 1_700_009_000_000)
        var course = Course(request, of: Self.futures)
        #expect(course.target?.contains("startTime=1699999999999&endTime=1700003599998&") == true)
        try course.answer("[]")
        #expect(course.target?.contains("startTime=1700003599999&endTime=1700007199998&") == true)
        try course.answer("[]")
        #expect(course.target?.contains("startTime=1700007199999&endTime=1700009000001&") == true)
        try course.answer("[]")
        try course.sleep()
        #expect(course.target?.contains("startTime=1700007199999&endTime=1700009000001&") == true)
        try course.answer(RefillSample.body([RefillSample.aggregate(9, 40...60, timeMillis: 1_700_009_000_000)]))
        #expect(course.action == .end(.complete))
        // Once a row is there, its id leads on across the windows.
        course = Course(request, of: Self.futures)
        try course.answer(RefillSample.body([RefillSample.aggregate(9, 40...55, timeMillis: 1_700_000_000_000)]))
        #expect(course.target == "/fapi/v1/aggTrades?symbol=BTCUSDT&fromId=10&limit=1000")
    }

    @Test func `does not believe times a day apart without a trade`() throws {
        var course = Course(RefillSample.request(50...60, beforeMillis: 0), of: Self.futures)
        var questions = 0
        while course.query != nil {
            try course.answer("[]")
            questions += 1
        }
        #expect(course.action == .end(.failed) && questions == 24)
    }

    @Test func `takes times around the hole that run backwards, and any there are`() {
        let backwards = Course(
            RefillSample.request(50...60, beforeMillis: 1_700_000_001_000, afterMillis: 1_700_000_000_000),
            of: Self.futures)
        #expect(backwards.target?.contains(Self.window) == true)
        var request = RefillSample.request(50...60)
        (request.beforeTimeNanos, request.afterTimeNanos) = (.min, .max)
        let extremes = Course(request, of: Self.futures)
        #expect(extremes.target?.contains("startTime=0&endTime=3599999&") == true)
    }

    @Test func `writes symbols of any script`() {
        let course = Course(RefillSample.request(1...2), of: Instrument(exchange: .binance, symbol: "币&A_1\u{7}"))
        #expect(course.target?.contains("?symbol=%E5%B8%81%26A%5F1%07&fromId=1&") == true)
    }

    // MARK: failures and limits

    @Test func `bears one failure of the network or server`() throws {
        var course = Course(RefillSample.request(101...110))
        course.fail()
        #expect(course.action == .wait(until: Self.at(100)))
        try course.sleep()
        #expect(course.target == "/api/v3/historicalTrades?symbol=BTCUSDT&fromId=101&limit=10")
        course.fail()
        #expect(course.action == .end(.failed))
        // Where no time is left for a pause, none is taken.
        course = Course(RefillSample.request(101...110))
        course.now = 2_400
        course.fail()
        #expect(course.action == .end(.failed))
    }

    @Test func `gives a question no more than what is left of the time`() throws {
        var course = Course(RefillSample.request(101...2_000))
        course.now = 1_800
        try course.answer(RefillSample.trades(101...1_100))
        #expect(course.query?.timeoutMillis == 700)
        course.now = 2_500
        try course.answer(RefillSample.trades(1_101...1_500))
        #expect(course.action == .end(.complete))
        course = Course(RefillSample.request(101...5_000))
        course.now = 2_500
        try course.answer(RefillSample.trades(101...1_100))
        #expect(course.action == .end(.failed))
    }

    @Test func `waits for a pause that fits the time, else ends`() throws {
        var course = Course(RefillSample.request(101...110))
        course.hold(untilMillis: 2_000)
        #expect(course.action == .wait(until: Self.at(2_000)))
        try course.sleep()
        #expect(course.query?.timeoutMillis == 500)
        course.hold(untilMillis: 2_500)
        #expect(course.action == .end(.rateLimited))
    }

    @Test func `asks no more where the request limit has no room`() throws {
        var course = Course(RefillSample.request(101...2_000))
        try course.answer(RefillSample.trades(101...1_100), isNearLimit: true)
        #expect(course.action == .end(.rateLimited))
        course = Course(RefillSample.request(101...1_000))
        try course.answer(RefillSample.trades(101...1_000), isNearLimit: true)
        #expect(course.action == .end(.complete))
        course = Course(RefillSample.request(101...1_000))
        try course.answer(RefillSample.trades(101...900), isNearLimit: true)
        #expect(course.action == .end(.complete))
    }

    @Test func `an answer that can't be read ends it`() {
        var plan = RefillPlan(RefillSample.request(1...2), of: Self.spot, at: Self.at(0))
        _ = plan.start(at: Self.at(0))
        #expect(plan.didMisread() == .end(.failed))
    }
}
