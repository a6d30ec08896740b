import FeedHandler
import Foundation
import Testing
import TradingModel

@Suite struct RefillDecoderTests {
    private static let trade =
        #"{"id":100,"price":"5.25","qty":"1.5","quoteQty":"9","time":1700000000123,"isBuyerMaker":true,"isBestMatch":true}"#
    private static let aggregate =
        #"{"a":7,"p":"5.25","q":"1.5","f":100,"l":102,"T":1700000000123,"m":true,"M":true}"#

    private static func tick(_ id: UInt64, _ kind: RecordKind, _ flags: TickFlags, trades: (Int64, Int64)) -> Tick {
        Tick(
            id: id, exchangeTimeNanos: 1_700_000_000_123_000_000, receiveMonotonicNanos: 0, price: 525_000_000,
            quantity: 150_000_000, secondaryPrice: trades.0, secondaryQuantity: trades.1, instrument: 0, kind: kind,
            flags: flags, feed: 0)
    }

    @Test func `reads trades, aggregates, and trades from aggregates`() throws {
        let trades = try RefillSample.decode("[\(Self.trade)]", of: .spotTrades, for: RefillSample.request(90...200))
            .get()
        #expect(trades.ticks == [Self.tick(100, .trade, [.refilled, .buyerIsMaker], trades: (0, 0))])
        #expect(trades.rowCount == 1 && trades.firstRowID == 100 && trades.lastRow?.id == 100)

        for (instrument, endpoint) in [(0, .spotAggregates), (1, .futuresAggregates)] as [(UInt32, RefillEndpoint)] {
            let aggregates = try RefillSample.decode(
                "[\(Self.aggregate)]", of: endpoint,
                for: RefillSample.request(7...7, kind: .aggregateTrade, instrument: instrument)
            ).get()
            var expected = Self.tick(7, .aggregateTrade, [.refilled, .buyerIsMaker], trades: (100, 102))
            expected.instrument = instrument
            #expect(aggregates.ticks == [expected])
        }
        let split = try RefillSample.decode(
            "[\(Self.aggregate)]", of: .spotAggregates, for: RefillSample.request(1...1_000)
        ).get()
        #expect(
            split.ticks
                == (100...102).map {
                    Self.tick($0, .trade, [.refilled, .buyerIsMaker, .fromAggregate], trades: (100, 102))
                })
        #expect(split.rowCount == 1 && split.firstRowID == 7 && split.lastRow?.secondaryQuantity == 102)
    }

    @Test func `takes the instrument's scales and times in microseconds`() throws {
        let body =
            #" [ {"isBuyerMaker" : false, "time":1700000000123456, "qty":"12","price":"5.25","id":100,"new":{"x":[1]}} ] "#
        let page = try RefillSample.decode(
            body, of: .spotTrades, for: RefillSample.request(100...100, instrument: 2)
        ).get()
        #expect(
            page.ticks == [
                Tick(
                    id: 100, exchangeTimeNanos: 1_700_000_000_123_456_000, receiveMonotonicNanos: 0, price: 525,
                    quantity: 12, instrument: 2, kind: .trade, flags: .refilled, feed: 0)
            ])
    }

    @Test func `delivers the requested ids alone, and none that no row covers`() throws {
        let trades = try RefillSample.decode(
            RefillSample.trades([8, 9, 10, 12, 13, 14]), of: .spotTrades, for: RefillSample.request(9...13)
        ).get()
        #expect(trades.ticks.map(\.id) == [9, 10, 12, 13])
        #expect(trades.rowCount == 6 && trades.firstRowID == 8 && trades.lastRow?.id == 14)
        let rows = RefillSample.body([
            RefillSample.aggregate(1, 1...4), RefillSample.aggregate(2, 5...6), RefillSample.aggregate(3, 9...9),
            RefillSample.aggregate(5, 10...20), RefillSample.aggregate(6, 21...22),
        ])
        let split = try RefillSample.decode(rows, of: .spotAggregates, for: RefillSample.request(3...12)).get()
        #expect(split.ticks.map(\.id) == [3, 4, 5, 6, 9, 10, 11, 12])
        #expect(split.ticks.map(\.secondaryPrice) == [1, 1, 5, 5, 9, 10, 10, 10])
        let aggregates = try RefillSample.decode(
            rows, of: .spotAggregates, for: RefillSample.request(2...5, kind: .aggregateTrade)
        ).get()
        #expect(aggregates.ticks.map(\.id) == [2, 3, 5])
        let none = try RefillSample.decode(" [ ] ", of: .spotTrades, for: RefillSample.request(1...5)).get()
        #expect(none == .empty)
    }

    @Test(
        arguments: [
            ("", .row(0, .malformed)), ("{}", .row(0, .malformed)), ("[", .row(0, .malformed)),
            ("[]x", .row(0, .malformed)), ("[\(trade),]", .row(1, .malformed)), ("[\(trade)] 1", .row(1, .malformed)),
            ("[\(trade)\(trade)]", .row(1, .malformed)), ("[\(trade)", .row(1, .malformed)),
            ("[1]", .row(0, .wrongType)),
            ("[[]]", .row(0, .wrongType)), ("[null]", .row(0, .wrongType)), ("[{}]", .row(0, .missingField)),
            (#"{"code":-1121,"msg":"Invalid symbol."}"#, .row(0, .malformed)),
            ("[\(aggregate)]", .row(0, .missingField)),
            ("[\(trade),\(trade)]", .notInOrder(row: 1)),
            ("[\(trade.replacing("100", with: "-1"))]", .row(0, .badID)),
            ("[\(trade.replacing("100", with: #""100""#))]", .row(0, .wrongType)),
            ("[\(trade.replacing("100", with: "1.5"))]", .row(0, .badID)),
            ("[\(trade.replacing("100", with: "9223372036854775808"))]", .row(0, .badID)),
            ("[\(trade.replacing(#""5.25""#, with: "5.25"))]", .row(0, .wrongType)),
            ("[\(trade.replacing("5.25", with: "0.0"))]", .row(0, .zero)),
            ("[\(trade.replacing("5.25", with: "-1"))]", .row(0, .negative)),
            ("[\(trade.replacing("5.25", with: "NaN"))]", .row(0, .notANumber)),
            ("[\(trade.replacing("5.25", with: "1e400"))]", .row(0, .exponent)),
            ("[\(trade.replacing("5.25", with: "0.123456789"))]", .row(0, .tooPrecise)),
            ("[\(trade.replacing("5.25", with: "92233720368.54775808"))]", .row(0, .tooLarge)),
            ("[\(trade.replacing("1.5", with: "0"))]", .row(0, .zero)),
            ("[\(trade.replacing("1700000000123", with: "9223372036854775807"))]", .row(0, .badTime)),
            ("[\(trade.replacing(#""isBuyerMaker":true"#, with: #""isBuyerMaker":1"#))]", .row(0, .wrongType)),
            ("[\(trade.replacing(#""id":100"#, with: #""id":100,"id":100"#))]", .row(0, .duplicateKey)),
            ("[\(trade.replacing(#""id""#, with: #""\u0069d""#))]", .row(0, .escaped)),
            ("[\(trade.replacing(#""5.25""#, with: #""5.\u00325""#))]", .row(0, .escaped)),
            ("[\(trade.replacing("true}", with: "\(String(repeating: "[", count: 17))"))", .row(0, .nestedTooDeep)),
        ] as [(String, TradeHistoryError)])
    func `refuses as a whole`(body: String, error: TradeHistoryError) {
        #expect(
            RefillSample.decode(body, of: .spotTrades, for: RefillSample.request(1...200)) == .failure(error), "\(body)"
        )
        #expect(!error.description.isEmpty && !error.description.contains("\n"))
    }

    @Test func `refuses aggregates whose trades are out of order, and one that ends before it begins`() {
        let request = RefillSample.request(1...200)
        for (second, error) in [
            (RefillSample.aggregate(2, 4...6), .notInOrder(row: 1)),
            (RefillSample.aggregate(1, 5...6), .notInOrder(row: 1)),
            (RefillSample.aggregate(0, 5...6), .notInOrder(row: 1)),
            (RefillSample.aggregate(2, 5...6).replacing(#""l":6"#, with: #""l":4"#), .row(1, .badID)),
            (RefillSample.aggregate(2, 5...6).replacing(#""f":5"#, with: #""f":-1"#), .row(1, .badID)),
        ] as [(String, TradeHistoryError)] {
            let body = RefillSample.body([RefillSample.aggregate(1, 1...4), second])
            #expect(RefillSample.decode(body, of: .spotAggregates, for: request) == .failure(error), "\(body)")
        }
    }

    @Test func `refuses text that is not UTF-8, and answers to other questions`() {
        let request = RefillSample.request(1...200)
        let (start, end) = (Array(#"[{"x":""#.utf8), Array(#""}]"#.utf8))
        #expect(RefillSample.decode(start + [0xC3, 0x28] + end, of: .spotTrades, for: request) == .failure(.notText))
        #expect(RefillSample.decode([0xC3], of: .spotTrades, for: request) == .failure(.notText))
        #expect(
            RefillSample.decode("[]", of: .spotTrades, for: RefillSample.request(1...2, kind: .aggregateTrade))
                == .failure(.unsuitableEndpoint))
        #expect(
            RefillSample.decode("[]", of: .spotTrades, for: RefillSample.request(1...2, kind: .quote))
                == .failure(.unsuitableEndpoint))
        #expect(
            RefillSample.decode("[]", of: .spotTrades, for: RefillSample.request(1...2, instrument: 3))
                == .failure(.unknownInstrument))
    }

    @Test func `bounds rows and ticks`() throws {
        let request = RefillSample.request(0...UInt64.max)
        #expect(
            try RefillSample.decode(RefillSample.trades(1...1_000), of: .spotTrades, for: request).get().ticks.count
                == 1_000)
        #expect(
            RefillSample.decode(RefillSample.trades(1...1_001), of: .spotTrades, for: request) == .failure(.tooManyRows)
        )
        let most = UInt64(TradeHistoryDecoder.mostTicks)
        for (ids, isTaken) in [(1...most, true), (1...most + 1, false), (1...UInt64(Int64.max), false)] {
            let body = RefillSample.body([RefillSample.aggregate(1, ids)])
            let result = RefillSample.decode(body, of: .spotAggregates, for: request)
            #expect(isTaken ? try result.get().ticks.count == Int(most) : result == .failure(.tooManyTrades))
        }
        // What was not asked for takes no memory.
        let narrow = RefillSample.decode(
            RefillSample.body([RefillSample.aggregate(1, 0...UInt64(Int64.max))]), of: .spotAggregates,
            for: RefillSample.request(5...6))
        #expect(try narrow.get().ticks.map(\.id) == [5, 6])
    }

    @Test func `refuses an answer cut at every byte`() {
        for (row, endpoint) in [(Self.trade, .spotTrades), (Self.aggregate, .spotAggregates)]
            as [(String, RefillEndpoint)]
        {
            let body = Array("[\(row)]".utf8)
            for length in 0..<body.count {
                guard
                    case .failure(.row(_, .malformed)) = RefillSample.decode(
                        body.prefix(length), of: endpoint, for: RefillSample.request(1...200))
                else {
                    Issue.record("\(length) bytes are taken")
                    continue
                }
            }
        }
    }
}
