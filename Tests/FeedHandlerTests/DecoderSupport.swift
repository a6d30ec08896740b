import FeedHandler
import Foundation
import TestSupport
import TradingModel

/// Decodes single messages as one feed would.
struct DecoderUnderTest: ~Copyable {
    let decoder: TradeDecoder

    init(_ instruments: [InstrumentSpecification], exchange: Exchange = .binance) {
        decoder = TradeDecoder(
            catalog: MarketCatalog(instruments: instruments, strategies: []), exchange: exchange, feed: 7)
    }

    init(priceDecimals: Int = 8, quantityDecimals: Int = 8) {
        self.init([
            InstrumentSpecification(
                instrument: Instrument(exchange: .binance, symbol: "BTCUSDT"), priceDecimals: priceDecimals,
                quantityDecimals: quantityDecimals)
        ])
    }

    /// The outcome, and the tick where there is one. The message is copied to the end of its own allocation, so that the
    /// address sanitizer sees a read past it.
    func decode(_ message: some Sequence<UInt8>) -> (outcome: DecodeOutcome, tick: Tick?) {
        let bytes = Array(message)
        let exact = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { exact.deallocate() }
        exact.copyBytes(from: bytes)
        return withUnsafeTemporaryAllocation(of: Tick.self, capacity: 1) { slot in
            let start = UnsafeMutableRawPointer(slot.baseAddress!)
            let outcome = decoder.decode(
                UnsafeRawBufferPointer(exact), received: MonotonicNanos(rawValue: 99), into: start)
            return (outcome, outcome == .tick ? slot[0] : nil)
        }
    }

    func decode(_ message: String) -> (outcome: DecodeOutcome, tick: Tick?) { decode(message.utf8) }

    /// Decodes a spot trade with this price and quantity.
    func trade(price: String, quantity: String = "1") -> (outcome: DecodeOutcome, tick: Tick?) {
        decode(#"{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"\#(price)","q":"\#(quantity)","T":1,"m":true,"M":true}"#)
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
