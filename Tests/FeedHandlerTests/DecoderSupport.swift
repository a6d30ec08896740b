import FeedHandler
import Foundation
import TestSupport
import TradingModel

/// Decodes single messages as one feed would.
final class DecoderUnderTest {
    private var decoder: MessageDecoder

    init(
        _ instruments: [InstrumentSpecification], exchange: Exchange = .binance, streams: [String] = [],
        mostSlots: Int = BookUpdate.mostSlots
    ) throws {
        let names = streams.joined(separator: "/")
        decoder = MessageDecoder(
            catalog: MarketCatalog(instruments: instruments, strategies: []), exchange: exchange,
            streams: names.isEmpty ? [] : try FeedPlan(parsing: "ws://127.0.0.1/ws/\(names)").streams, feed: 7,
            mostSlots: mostSlots)
    }

    /// One that knows BTCUSDT.
    init(priceDecimals: Int = 8, quantityDecimals: Int = 8) {
        decoder = MessageDecoder(
            catalog: MarketCatalog(
                instruments: [
                    InstrumentSpecification(
                        instrument: Instrument(exchange: .binance, symbol: "BTCUSDT"), priceDecimals: priceDecimals,
                        quantityDecimals: quantityDecimals)
                ], strategies: []), exchange: .binance, streams: [], feed: 7)
    }

    /// One that knows these symbols at the usual scale.
    convenience init(symbols: [String], exchange: Exchange = .binance, streams: [String] = []) throws {
        try self.init(
            symbols.map { InstrumentSpecification(instrument: Instrument(exchange: exchange, symbol: $0)) },
            exchange: exchange, streams: streams)
    }

    /// The outcome and the slots of the message. It is copied to the end of its own allocation, so that the address
    /// sanitizer sees a read past it.
    func slots(_ message: some Sequence<UInt8>) -> (outcome: DecodeOutcome, slots: [Tick]) {
        let bytes = Array(message)
        let exact = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { exact.deallocate() }
        exact.copyBytes(from: bytes)
        return withUnsafeTemporaryAllocation(of: Tick.self, capacity: 1) { slot in
            let start = UnsafeMutableRawPointer(slot.baseAddress!)
            let outcome = decoder.decode(
                UnsafeRawBufferPointer(exact), received: MonotonicNanos(rawValue: 99), into: start)
            guard outcome.hasRecords else { return (outcome, []) }
            return (outcome, outcome == .tick ? [slot[0]] : Array(decoder.records.bindMemory(to: Tick.self)))
        }
    }

    /// The outcome, and the tick where there is one.
    func decode(_ message: some Sequence<UInt8>) -> (outcome: DecodeOutcome, tick: Tick?) {
        let (outcome, slots) = slots(message)
        return (outcome, outcome == .tick ? slots[0] : nil)
    }

    func decode(_ message: String) -> (outcome: DecodeOutcome, tick: Tick?) { decode(message.utf8) }

    /// The outcome, and the book where there is one.
    func book(_ message: String) -> (outcome: DecodeOutcome, book: BookUpdate?) {
        let (outcome, slots) = slots(message.utf8)
        return (outcome, BookUpdate(decoded: slots))
    }

    /// The outcome, and the kline where there is one.
    func kline(_ message: String) -> (outcome: DecodeOutcome, kline: Kline?) {
        let (outcome, slots) = slots(message.utf8)
        return (outcome, outcome == .kline ? Kline(prices: slots[0], volumes: slots[1]) : nil)
    }

    /// Decodes a spot trade with this price and quantity.
    func trade(price: String, quantity: String = "1") -> (outcome: DecodeOutcome, tick: Tick?) {
        decode(#"{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"\#(price)","q":"\#(quantity)","T":1,"m":true,"M":true}"#)
    }
}

extension BookUpdate {
    /// The book in a decoder's slots, with no receive time; nil where they are none, or are not as their header says.
    init?(decoded slots: [Tick]) {
        guard let header = slots.first,
            [RecordKind.depth.rawValue, RecordKind.partialDepth.rawValue].contains(header.kind)
        else { return nil }
        var sides: [[BookLevel]] = [[], []]
        for slot in slots.dropFirst() {
            let levels = unsafeBitCast(slot, to: BookLevelSlot.self)
            guard levels.kind == RecordKind.bookLevels.rawValue, levels.instrument == header.instrument,
                levels.feed == header.feed, levels.flags == 0, (1...3).contains(levels.levelCount),
                levels.side == 0 ? sides[1].isEmpty : levels.side == 1
            else { return nil }
            let all = [
                (levels.price0, levels.quantity0, levels.digits.0, levels.digits.1),
                (levels.price1, levels.quantity1, levels.digits.2, levels.digits.3),
                (levels.price2, levels.quantity2, levels.digits.4, levels.digits.5),
            ].map { BookLevel(price: $0, quantity: $1, priceDigits: $2, quantityDigits: $3) }
            let none = BookLevel(price: 0, quantity: 0, priceDigits: 0, quantityDigits: 0)
            guard all[Int(levels.levelCount)...].allSatisfy({ $0 == none }) else { return nil }
            sides[Int(levels.side)] += all.prefix(Int(levels.levelCount))
        }
        self.init(header: header, receiveTime: UnixNanos(rawValue: 0), bids: sides[0], asks: sides[1])
        guard BookUpdate.bidCount(of: header) == bids.count, BookUpdate.askCount(of: header) == asks.count,
            BookUpdate.levelSlots(of: header) == slots.count - 1
        else { return nil }
    }
}

/// The lines of a recording, decompressed by gzip.
func recordedLines(_ name: String) throws -> [Data] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-dc", SharedData.path(name)]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return data.split(separator: UInt8(ascii: "\n")).map { Data($0) }
}

/// splitmix64: a small generator that replays from its seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
