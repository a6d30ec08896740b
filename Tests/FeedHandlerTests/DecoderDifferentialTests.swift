import FeedHandler
import Foundation
import TestSupport
import Testing
import TradingModel

/// The decoder against Foundation's JSON parser, on everything that was recorded.
@Suite(.enabled(if: SharedData.shouldRun, "needs the recordings in ../shared/data"))
struct DecoderDifferentialTests {
    @Test(
        arguments: [
            ("binance/btcusdt.combined.20240808.ndjson.gz", Exchange.binance, 9_757 + 28_040),
            ("binance/btcusdt@trade.20240808.ndjson.gz", .binance, 9_757),
            ("binance/btcusdt@bookTicker.20240808.ndjson.gz", .binance, 28_040),
            ("binance/four_alts.combined.20211012.ndjson.gz", .binance, nil),
            ("binance/btcusdt.testnet_combined.20260913.ndjson.gz", .binance, nil),
            ("binance_usdm/btcusdt.combined.20240808.ndjson.gz", .binanceUSDM, 21_313 + 66_089),
            ("binance_usdm/btcusdt@trade.20240808.ndjson.gz", .binanceUSDM, 21_313),
            ("binance_usdm/four_alts.combined.20210722.ndjson.gz", .binanceUSDM, 91 + 613),
        ] as [(String, Exchange, Int?)])
    func `equals a general parser on recorded messages`(file: String, exchange: Exchange, ticks: Int?) throws {
        let symbols = [
            "BTCUSDT", "NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR", "SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT",
        ]
        let decoder = try DecoderUnderTest(symbols: symbols, exchange: exchange)
        var counts: [DecodeOutcome: Int] = [:]
        for line in try recordedLines(file) {
            let (outcome, tick) = decoder.decode(line)
            counts[outcome, default: 0] += 1
            let expected = try Reference.tick(line, symbols: symbols)
            guard tick == expected else {
                Issue.record("\(String(decoding: line, as: UTF8.self)): \(outcome), \(String(describing: tick))")
                return
            }
        }
        #expect(counts.keys.allSatisfy { !$0.isRefusal })
        if let ticks { #expect(counts[.tick] == ticks) }
        print("\(file): \(counts.map { "\($0.key.label) \($0.value)" }.sorted().joined(separator: ", "))")
    }

    /// Whatever bytes are changed: no crash, and what is taken as a tick is what a general parser reads.
    @Test func `never misreads a damaged message`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        let decoder = DecoderUnderTest()
        let lines = try recordedLines("binance/btcusdt.combined.20240808.ndjson.gz").prefix(2_000)
            .filter { $0.count < 300 }
        var (taken, refused) = (0, 0)
        for _ in 0..<40_000 {
            var bytes = Array(lines.randomElement(using: &generator)!)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...3, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &generator)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(#""{}[],:\0-.eE9"#.utf8.randomElement(using: &generator)!, at: place)
                default: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &generator))
                }
            }
            let (outcome, decoded) = decoder.decode(bytes)
            // White space keeps every member off the decoder's short way for simple ones: both must say the same.
            let general = decoder.decode(Self.spaced(bytes))
            guard general.outcome == outcome, general.tick == decoded else {
                Issue.record(
                    "seed \(seed): two ways, \(String(decoding: bytes, as: UTF8.self)): \(outcome), \(general)")
                return
            }
            guard let tick = decoded else {
                refused += 1
                continue
            }
            // A number such as 17e255667 in an unused field is good JSON, but beyond what Foundation holds.
            let text = String(decoding: bytes, as: UTF8.self)
            if text.contains(/[0-9][eE][-+]?[0-9]/) { continue }
            taken += 1
            let expected = try? Reference.tick(Data(bytes), symbols: ["BTCUSDT"])
            guard tick == expected else {
                Issue.record("seed \(seed): misread \(String(decoding: bytes, as: UTF8.self)) as \(tick)")
                return
            }
        }
        print("seed \(seed): \(taken) damaged messages taken, all as a general parser reads them; \(refused) refused")
        #expect(taken > 0 && refused > 0)
    }
}

extension DecoderDifferentialTests {
    /// The message with a space behind each colon outside of strings.
    private static func spaced(_ bytes: [UInt8]) -> [UInt8] {
        var (result, isInString, isEscaped): ([UInt8], Bool, Bool) = ([], false, false)
        for byte in bytes {
            result.append(byte)
            if byte == UInt8(ascii: ":"), !isInString { result.append(UInt8(ascii: " ")) }
            if byte == UInt8(ascii: "\""), !isEscaped { isInString.toggle() }
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        }
        return result
    }
}

/// The plain way: a JSON tree and 128-bit arithmetic.
private enum Reference {
    static func tick(_ line: Data, symbols: [String]) throws -> Tick? {
        guard var object = try JSONSerialization.jsonObject(with: line) as? [String: Any] else { return nil }
        if let data = object["data"] as? [String: Any] { object = data }
        let event = object["e"] as? String
        guard let symbol = object["s"] as? String, let index = symbols.firstIndex(of: symbol) else { return nil }
        switch event {
        case "trade":
            var flags: TickFlags = object["m"] as? Bool == true ? .buyerIsMaker : []
            if let execution = object["X"] as? String, execution != "MARKET" { flags.insert(.noPrice) }
            return Tick(
                id: UInt64(integer(object["t"])), exchangeTimeNanos: time(object["T"]), receiveMonotonicNanos: 99,
                price: scaled(object["p"]), quantity: scaled(object["q"]), instrument: UInt32(index), kind: .trade,
                flags: flags, feed: 7)
        case "aggTrade":
            return Tick(
                id: UInt64(integer(object["a"])), exchangeTimeNanos: time(object["T"]), receiveMonotonicNanos: 99,
                price: scaled(object["p"]), quantity: scaled(object["q"]), secondaryPrice: integer(object["f"]),
                secondaryQuantity: integer(object["l"]), instrument: UInt32(index), kind: .aggregateTrade,
                flags: object["m"] as? Bool == true ? .buyerIsMaker : [], feed: 7)
        case nil, "bookTicker":
            guard object["u"] != nil, object["b"] is String else { return nil }
            return Tick(
                id: UInt64(integer(object["u"])),
                exchangeTimeNanos: object["T"] != nil || object["E"] != nil ? time(object["T"] ?? object["E"]) : 0,
                receiveMonotonicNanos: 99, price: scaled(object["b"]), quantity: scaled(object["B"]),
                secondaryPrice: scaled(object["a"]), secondaryQuantity: scaled(object["A"]),
                instrument: UInt32(index), kind: .quote, feed: 7)
        default: return nil
        }
    }

    private static func integer(_ value: Any?) -> Int64 { (value as? NSNumber)?.int64Value ?? -1 }

    private static func time(_ value: Any?) -> Int64 {
        let time = integer(value)
        return time * (time < 100_000_000_000_000 ? 1_000_000 : 1_000)
    }

    private static func scaled(_ value: Any?) -> Int64 {
        guard let text = value as? String else { return -1 }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let fraction = parts.count > 1 ? parts[1] : ""
        let padded = fraction.prefix(8) + String(repeating: "0", count: max(0, 8 - fraction.count))
        return Int64("\(parts[0])\(padded)") ?? -1
    }
}
