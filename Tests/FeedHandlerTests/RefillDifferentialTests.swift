import FeedHandler
import Foundation
import TestSupport
import Testing
import TradingModel

/// The history's decoder against Foundation's JSON parser: the same ticks, or both refuse.
@Suite(.serialized, .enabled(if: SharedData.shouldRun, "needs the recordings in ../shared/data"))
struct RefillDifferentialTests {
    private static let reference = JSONReference(symbols: ["BTCUSDT"])

    /// The recorded rows of aggTrades.
    private static func aggregates() throws -> [Substring] {
        try SharedData.lines(gzip: "binance/rest_aggtrades_btcusdt.20200102.ndjson.gz")
    }

    /// Recorded trades in the form of historicalTrades, of which there is no recording.
    private static func trades() throws -> [String] {
        try SharedData.lines(gzip: "binance/btcusdt@trade.20240808.ndjson.gz").prefix(1_000).map { line in
            let (id, price, quantity) = (field("t", of: line)!, field("p", of: line)!, field("q", of: line)!)
            let (time, isMaker) = (field("T", of: line)!, field("m", of: line)!)
            return
                #"{"id":\#(id),"price":"\#(price)","qty":"\#(quantity)","quoteQty":"1.0","time":\#(time),"isBuyerMaker":\#(isMaker),"isBestMatch":true}"#
        }
    }

    /// The ticks by Foundation's tree, 128-bit arithmetic and the written rules; nil where the answer is refused.
    private static func expected(
        _ body: Data, aggregates: Bool, _ request: RefillRequest
    ) -> [Tick]? {
        guard !JSONReference.hasCommaAtEnd(body),
            let rows = (try? JSONSerialization.jsonObject(with: body)) as? [Any], rows.count <= 1_000
        else { return nil }
        let keys = aggregates ? ["a", "p", "q", "T", "m"] : ["id", "price", "qty", "time", "isBuyerMaker"]
        var ticks: [Tick] = []
        var (lastID, lastTrade): (Int64, Int64) = (-1, -1)
        for row in rows {
            guard let row = row as? [String: Any], let id = reference.id(row[keys[0]]), id > lastID,
                let price = reference.scaled(row[keys[1]], zero: false),
                let quantity = reference.scaled(row[keys[2]], zero: false), let time = reference.time(row[keys[3]]),
                let isMaker = reference.truth(row[keys[4]])
            else { return nil }
            lastID = id
            var tick = Tick(
                id: UInt64(id), exchangeTimeNanos: time, receiveMonotonicNanos: 0, price: price, quantity: quantity,
                instrument: request.instrument, kind: request.kind,
                flags: isMaker ? [.refilled, .buyerIsMaker] : .refilled, feed: request.feed)
            var ids = id...id
            if aggregates {
                guard let first = reference.id(row["f"]), let last = reference.id(row["l"]), first <= last else {
                    return nil
                }
                (tick.secondaryPrice, tick.secondaryQuantity) = (first, last)
                if request.kind == .trade {
                    guard first > lastTrade else { return nil }
                    lastTrade = last
                    tick.flags |= TickFlags.fromAggregate.rawValue
                    ids = first...last
                }
            }
            for id in ids.clamped(to: Int64(request.firstID)...Int64(request.lastID)) where ids.contains(id) {
                tick.id = UInt64(id)
                ticks.append(tick)
            }
        }
        return ticks
    }

    private enum Verdict: String { case taken = "taken by both", refused = "refused by both", stricter = "ours alone" }

    /// Compares; nil after a difference was recorded.
    private func compare(
        _ text: String, _ endpoint: RefillEndpoint, _ request: RefillRequest, note: String = "",
        mayBeStricter: @autoclosure () -> Bool = false
    ) -> Verdict? {
        let result = RefillSample.decode(text, of: endpoint, for: request)
        let found = (try? result.get())?.ticks
        let expected = Self.expected(Data(text.utf8), aggregates: endpoint.hasAggregates, request)
        if found == expected { return found == nil ? .refused : .taken }
        // Numbers that Foundation can't hold, and halves of surrogate pairs, are JSON all the same.
        if found != nil, expected == nil, text.contains(/[0-9][eE][-+]?[0-9]|\\u/) { return .taken }
        if found == nil, mayBeStricter() { return .stricter }
        Issue.record(
            "\(note) \(text.prefix(2_000)): \(result), by Foundation \(String(describing: expected?.prefix(3)))")
        return nil
    }

    @Test func `equals a general parser on the recorded answer`() throws {
        let rows = try Self.aggregates().map(String.init)
        #expect(rows.count == 1_000)
        let (first, last) = (UInt64(field("f", of: rows[0][...])!)!, UInt64(field("l", of: rows[999][...])!)!)
        let body = RefillSample.body(rows)
        let split = RefillSample.request(first...last)
        let ids = RefillSample.request(
            UInt64(field("a", of: rows[0][...])!)!...UInt64(field("a", of: rows[999][...])!)!, kind: .aggregateTrade)
        for request in [split, ids, RefillSample.request(first + 100...last - 100)] {
            #expect(compare(body, .spotAggregates, request) == .taken)
        }
        let trades = try RefillSample.decode(body, of: .spotAggregates, for: split).get()
        let aggregates = try RefillSample.decode(body, of: .spotAggregates, for: ids).get()
        #expect(aggregates.ticks.count == 1_000 && aggregates.rowCount == 1_000)
        // The recording's aggregates follow each other without a hole, so every trade of the range is there once.
        #expect(trades.ticks.map(\.id) == Array(first...last))
        let spot = try Self.trades()
        let range = UInt64(field("id", of: spot[0][...])!)!...UInt64(field("id", of: spot[999][...])!)!
        #expect(compare(RefillSample.body(spot), .spotTrades, RefillSample.request(range)) == .taken)
        print(
            "figure: recorded answer equal to a general parser's: \(aggregates.ticks.count) aggregates,"
                + " \(trades.ticks.count) trades from them, \(spot.count) trades; differences 0")
    }

    @Test(arguments: [RefillEndpoint.spotAggregates, .spotTrades])
    func `neither misreads nor refuses a spoiled answer without need`(endpoint: RefillEndpoint) async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        let rows = try endpoint.hasAggregates ? Self.aggregates().map(String.init) : Self.trades()
        let ids = try rows.map { UInt64(try #require(field(endpoint.hasAggregates ? "f" : "id", of: $0[...])))! }
        var counts: [Verdict: Int] = [:]
        for number in 0..<12_000 {
            if number % 100 == 0 { await Task.yield() }
            // Mostly a few rows, now and then the whole answer.
            let count = number % 1_000 == 0 ? 1_000 : Int.random(in: 1...6, using: &generator)
            let start = Int.random(in: 0...1_000 - count, using: &generator)
            var tree = JSONTree(RefillSample.body(Array(rows[start..<start + count])))
            for _ in 0..<Int.random(in: 1...2, using: &generator) { tree.mutate(using: &generator) }
            let text = tree.text(space: ["", "", " ", "\n\t"].randomElement(using: &generator)!)
            let isSplit = Bool.random(using: &generator) || !endpoint.hasAggregates
            let request =
                isSplit
                ? RefillSample.request(ids[start]...ids[start] + 2_000)
                : RefillSample.request(0...UInt64(Int64.max), kind: .aggregateTrade)
            guard
                let verdict = compare(
                    text, endpoint, request, note: "seed \(seed)", mayBeStricter: tree.isBeyondOurRules)
            else { return }
            counts[verdict, default: 0] += 1
        }
        print(
            "figure: spoiled answers of \(endpoint), differences 0:"
                + " \(counts.map { "\($0.key.rawValue) \($0.value)" }.sorted()); seed \(seed)")
        #expect(counts.count == 3 && counts.values.allSatisfy { $0 > 100 })
    }

    @Test func `neither misreads nor refuses damaged bytes without need`() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        let rows = try Self.aggregates().map(String.init)
        var (taken, refused) = (0, 0)
        for number in 0..<12_000 {
            if number % 100 == 0 { await Task.yield() }
            let start = Int.random(in: 0..<996, using: &generator)
            var bytes = Array(RefillSample.body(Array(rows[start..<start + 3])).utf8)
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0...3, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &generator)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(#""{}[],:0\-.eE9"#.utf8.randomElement(using: &generator)!, at: place)
            default: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &generator))
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let request = RefillSample.request(0...UInt64(Int64.max), kind: .aggregateTrade)
            let verdict = compare(
                text, .spotAggregates, request, note: "seed \(seed)", mayBeStricter: JSONTree(text).isBeyondOurRules)
            guard let verdict else { return }
            if verdict == .taken { taken += 1 } else { refused += 1 }
        }
        print("figure: damaged answers, differences 0: \(taken) taken by both, \(refused) refused; seed \(seed)")
        #expect(taken > 500 && refused > 500)
    }
}
