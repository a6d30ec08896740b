import Foundation
import MarketRecording
import NIOCore
import TestSupport
import Testing

@testable import ExchangeSimulator

@Suite struct SyntheticMarketTests {
    private static let start: Int64 = 1_723_161_255_000_000_000

    private struct Event {
        var stream: RecordedStream
        var head: MessageHead
        var text: String
        var object: [String: Any]
    }

    private func market(
        seed: UInt64 = 1, symbols: Int = 5, events: Int, quotePercent: Int = 50, rate: Double = 10_000,
        burst: SyntheticMarket.Burst? = nil
    ) -> SyntheticMarket {
        SyntheticMarket(
            seed: seed, symbols: SyntheticMarket.wellKnownSymbols(count: symbols), eventsPerSecond: rate,
            quotePercent: quotePercent, burst: burst, eventLimit: events, startTimeNanos: Self.start)
    }

    private func texts(_ market: SyntheticMarket) -> [String] {
        var all: [String] = []
        let generator = SyntheticGenerator(market, wallNanos: Self.start)
        var buffer = ByteBuffer()
        while let head = generator.head {
            buffer.clear()
            generator.write(into: &buffer, unit: .milliseconds)
            #expect(buffer.readableBytes == head.payloadBytes)
            all.append(String(buffer: buffer))
            generator.advance()
        }
        return all
    }

    private func events(_ market: SyntheticMarket) throws -> [Event] {
        var all: [Event] = []
        let generator = SyntheticGenerator(market, wallNanos: Self.start)
        while let head = generator.head {
            var buffer = ByteBuffer()
            generator.write(into: &buffer, unit: .milliseconds)
            let text = String(buffer: buffer)
            let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            all.append(Event(stream: generator.streams[head.stream], head: head, text: text, object: object))
            generator.advance()
        }
        return all
    }

    /// The keys of a flat object in the order they stand, and what kind of value each has.
    private func shape(_ line: String) throws -> [String] {
        let bytes = Array(line.utf8)
        var keys: [String] = []
        let isObject = MessageScanner.scanObject(bytes.span, 0..<bytes.count) { key, value in
            let name = String(decoding: bytes[key], as: UTF8.self)
            let text = String(decoding: bytes[value], as: UTF8.self)
            let decimals = text.split(separator: ".").last?.count ?? 0
            let kind =
                text.hasPrefix("\"")
                ? (text.contains(".") ? "decimal\(decimals - 1)" : "text")
                : text == "true" || text == "false" ? "bool" : "integer"
            keys.append("\(name):\(kind)")
        }
        #expect(isObject)
        return keys
    }

    @Test func `a seed and a start time give the same bytes, another seed others`() {
        let first = texts(market(events: 5_000))
        #expect(first == texts(market(events: 5_000)))
        #expect(first != texts(market(seed: 2, events: 5_000)))
        let generator = SyntheticGenerator(market(events: 5_000), wallNanos: 5)
        for _ in 0..<777 { generator.advance() }
        generator.rewind(wallNanos: 9)
        var buffer = ByteBuffer()
        generator.write(into: &buffer, unit: .milliseconds)
        #expect(String(buffer: buffer) == first[0], "a rewound market begins again")
    }

    @Test(.enabled(if: SharedData.shouldRun)) func `messages have the recorded ones' keys, order and value forms`()
        throws
    {
        let recordedTrade = try #require(try recordedLines(tradeFile).first)
        let recordedQuote = try #require(try recordedLines(quoteFile).first)
        for event in try events(market(symbols: 30, events: 4_000)) {
            let recorded = event.stream.kind == .trade ? recordedTrade : recordedQuote
            #expect(try shape(event.text) == shape(recorded))
        }
    }

    @Test func `trade ids are contiguous, quote ids rise and times never fall, per symbol`() throws {
        var lastTrade: [String: UInt64] = [:]
        var lastQuote: [String: UInt64] = [:]
        var lastTime: [String: UInt64] = [:]
        var lastOffset: Int64 = 0
        let all = try events(market(events: 20_000))
        for event in all {
            let symbol = try #require(event.object["s"] as? String)
            #expect(event.stream.name.hasPrefix(symbol.lowercased() + "@"))
            #expect(event.head.offsetNanos >= lastOffset)
            lastOffset = event.head.offsetNanos
            let id = try #require(event.head.firstID)
            if event.stream.kind == .trade {
                #expect((event.object["t"] as? NSNumber)?.uint64Value == id)
                if let last = lastTrade[symbol] { #expect(id == last + 1) }
                lastTrade[symbol] = id
                let time = try #require((event.object["T"] as? NSNumber)?.uint64Value)
                let eventTime = try #require((event.object["E"] as? NSNumber)?.uint64Value)
                #expect(eventTime == UInt64((Self.start + event.head.offsetNanos) / 1_000_000))
                #expect((0...1).contains(eventTime - time) && time >= lastTime[symbol] ?? 0)
                lastTime[symbol] = time
            } else {
                #expect((event.object["u"] as? NSNumber)?.uint64Value == id)
                if let last = lastQuote[symbol] { #expect(id > last) }
                lastQuote[symbol] = id
            }
        }
        #expect(lastTrade.count == 5 && lastQuote.count == 5)
        let trades = all.count { $0.stream.kind == .trade }
        #expect((9_000...11_000).contains(trades), "half of the events are trades")
        // 20,000 events at 10,000 a second: the sum of exponential gaps has a standard deviation of 14 ms here.
        #expect(abs(Double(lastOffset) - 2e9) < 1e8)
    }

    @Test func `a trade is at the bid when the buyer is the maker, else at the ask`() throws {
        // Prices move between a quote and the next trade, so neighbours with the same state are compared.
        var quote: (bid: String, ask: String)?
        var matches = 0
        var trades = 0
        for event in try events(market(symbols: 1, events: 20_000, quotePercent: 90)) {
            if event.stream.kind == .quote {
                quote = (event.object["b"] as? String ?? "", event.object["a"] as? String ?? "")
                let bid = try #require(Decimal(string: quote?.bid ?? ""))
                let ask = try #require(Decimal(string: quote?.ask ?? ""))
                #expect(bid < ask)
            } else if let state = quote {
                trades += 1
                let isBuyerMaker = event.object["m"] as? Bool ?? false
                if event.object["p"] as? String == (isBuyerMaker ? state.bid : state.ask) { matches += 1 }
                quote = nil
            }
        }
        #expect(trades > 1_000 && matches > trades * 3 / 4, "\(matches) of \(trades)")
    }

    @Test func `a burst's events share one moment and come on top of the rate`() throws {
        let burst = SyntheticMarket.Burst(interval: .milliseconds(100), events: 500)
        var counts: [Int64: Int] = [:]
        for event in try events(market(events: 6_000, rate: 1_000, burst: burst)) {
            counts[event.head.offsetNanos, default: 0] += 1
        }
        let bursts = counts.filter { $0.value > 100 }.sorted { $0.key < $1.key }
        #expect(bursts.map(\.key) == (1...bursts.count).map { Int64($0) * 100_000_000 })
        #expect(bursts.dropLast().allSatisfy { $0.value == 500 } && (9...10).contains(bursts.count))
    }

    @Test func `a run that starts later repeats no id`() throws {
        var later = market(events: 5_000, rate: 100_000)
        let first = try events(later).compactMap { $0.stream.kind == .trade ? $0.head.firstID : nil }
        later.startTimeNanos = Self.start + 1_000_000_000
        let second = try events(later).compactMap { $0.stream.kind == .trade ? $0.head.firstID : nil }
        #expect(try #require(first.max()) < (try #require(second.min())))
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `averages over 50 and 200 trades cross regularly`(seed: UInt64) throws {
        var prices: [Int64] = []
        for text in texts(market(seed: seed, symbols: 1, events: 20_000, quotePercent: 0)) {
            let price = try #require(text.split(separator: "\"p\":\"").last?.prefix { $0 != "\"" })
            prices.append(try #require(Int64(price.replacing(".", with: ""))))
        }
        var crossings = 0
        var lastSign: Int64 = 0
        for index in 199..<prices.count {
            let short = prices[index - 49...index].reduce(0, +)
            let long = prices[index - 199...index].reduce(0, +)
            let sign = (short * 4 - long).signum()
            if sign != 0, lastSign != 0, sign != lastSign { crossings += 1 }
            if sign != 0 { lastSign = sign }
        }
        print("seed \(seed): \(crossings) crossings in 20,000 trades, prices \(prices.min()!) to \(prices.max()!)")
        #expect((20...2_000).contains(crossings))
        #expect(prices.allSatisfy { $0 > 0 })
    }

    @Test func `impossible markets are refused with one line`() {
        var bad = [
            market(events: 1), market(events: 0), market(events: 1, quotePercent: 101), market(events: 1, rate: 0),
        ]
        bad[0].symbols = []
        bad.append(market(events: 1))
        bad[4].symbols.append(bad[4].symbols[0])
        bad.append(market(events: 1))
        bad[5].symbols[0].name = "btc\""
        for market in bad {
            #expect(throws: SimulatorError.self) { try market.validate() }
        }
        #expect(throws: Never.self) { try market(symbols: 500, events: 1).validate() }
    }
}
