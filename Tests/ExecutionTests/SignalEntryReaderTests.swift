import Execution
import Testing
import TradingModel

@Suite struct SignalEntryReaderTests {
    private static let fields = [
        "signal": "BUY", "shortSMA": "61822.0304", "longSMA": "61822.0125", "time": "2024-08-08T00:00:00.123Z",
        "schema": "1", "id": "binance:BTCUSDT:sma-50-200:3735683486", "exchange": "binance", "symbol": "BTCUSDT",
        "strategy": "sma-50-200", "price": "61826.5", "tickId": "3735683486", "eventTime": "1723075200123000000",
        "receiveTime": "1723075200126000001", "reason": "cross",
    ]

    private static func read(_ fields: [String: String]) -> Result<TradeSignal, SignalEntryError> {
        Result { () throws(SignalEntryError) in
            try SignalEntryReader.signal(of: SignalEntry(stream: "s", position: "1-0", deliveries: 1, fields: fields))
        }
    }

    private static func read(with changes: [String: String?]) -> Result<TradeSignal, SignalEntryError> {
        var fields = fields
        for (field, value) in changes { fields[field] = value }
        return read(fields)
    }

    @Test func `reads an entry of the contract`() throws {
        let signal = try Self.read(Self.fields).get()
        #expect(
            signal
                == TradeSignal(
                    id: "binance:BTCUSDT:sma-50-200:3735683486", key: Samples.key, side: .buy, isAfterGap: false,
                    tickID: 3_735_683_486, price: number("61826.5"),
                    eventTime: UnixNanos(rawValue: 1_723_075_200_123_000_000),
                    receiveTime: UnixNanos(rawValue: 1_723_075_200_126_000_001)))
        let gap = try Self.read(with: [
            "signal": "SELL", "shortSMA": "1", "longSMA": "2", "reason": "gap",
            "id": "binance:BTCUSDT:sma-50-200:3735683486:gap",
        ]).get()
        #expect(gap.isAfterGap && gap.side == .sell)
        // Further fields may come under the same schema; averages may be equal by rounding; symbols are the exchange's own.
        #expect(throws: Never.self) { try Self.read(with: ["extra": "x", "longSMA": "61822.0304"]).get() }
        #expect(throws: Never.self) {
            try Self.read(with: [
                "exchange": "kraken", "symbol": "XBT/EUR", "strategy": "sma-5-20@aggTrade",
                "id": "kraken:XBT/EUR:sma-5-20@aggTrade:3735683486",
            ]).get()
        }
    }

    @Test func `an entry of the earlier services is refused with a clear reason`() {
        let earlier = ["signal": "BUY", "shortSMA": "1.5", "longSMA": "1.4", "time": "2024-08-08T03:00:00+03:00"]
        guard case .failure(let error) = Self.read(earlier) else { return #expect(Bool(false), "it was read") }
        #expect(error == .earlierService && error.description.contains("without a symbol"))
        #expect(Self.read(["k": "v"]) == .failure(.foreign))
        #expect(Self.read([:]) == .failure(.foreign))
    }

    @Test(arguments: Self.fields.keys.sorted()) func `a missing or empty field is named`(field: String) {
        if field != "schema" {
            #expect(Self.read(with: [field: nil]) == .failure(.missing(field)))
            #expect(Self.read(with: [field: ""]) != Self.read(Self.fields))
        }
        guard case .failure = Self.read(with: [field: String(repeating: "9", count: 300)]) else {
            return #expect(Bool(false), "\(field) of 300 characters was taken")
        }
    }

    @Test(
        arguments: [
            ("schema", "2", SignalEntryError.unknownSchema("2")), ("schema", "01", .unknownSchema("01")),
            ("exchange", "nyse", .unknownExchange("nyse")),
            ("signal", "NEUTRAL", .malformed("signal", value: "NEUTRAL")),
            ("signal", "buy", .malformed("signal", value: "buy")),
            ("reason", "state", .malformed("reason", value: "state")),
            ("price", "-1", .malformed("price", value: "-1")), ("price", "0", .malformed("price", value: "0")),
            ("price", "1e5", .malformed("price", value: "1e5")),
            ("price", "61826.50", .malformed("price", value: "61826.50")),
            ("tickId", "+1", .malformed("tickId", value: "+1")), ("tickId", "01", .malformed("tickId", value: "01")),
            ("tickId", "18446744073709551616", .malformed("tickId", value: "18446744073709551616")),
            ("eventTime", "-1", .malformed("eventTime", value: "-1")),
            ("receiveTime", "1.5", .malformed("receiveTime", value: "1.5")),
            ("symbol", "BTC:USDT", .malformed("symbol", value: "BTC:USDT")),
            ("symbol", "BTC USDT", .malformed("symbol", value: "BTC USDT")),
            ("strategy", "sma\n", .malformed("strategy", value: "sma\n")),
            ("shortSMA", "NaN", .malformed("shortSMA", value: "NaN")),
            ("longSMA", "61823", .contradiction("a BUY with the short average 61822.0304 and the long one 61823")),
            (
                "time", "2024-08-08T00:00:00.124Z",
                .contradiction("the time \"2024-08-08T00:00:00.124Z\" is not that of eventTime")
            ),
        ]) func `what the contract does not allow is refused by name`(
            field: String, value: String, error: SignalEntryError
        )
    {
        #expect(Self.read(with: [field: value]) == .failure(error))
        #expect(!error.label.isEmpty && !error.description.isEmpty)
    }

    @Test(
        arguments: [
            ("symbol", "ETHUSDT"), ("exchange", "okx"), ("strategy", "sma-5-20"), ("tickId", "3735683487"),
            ("reason", "gap"),
            ("id", "binance:BTCUSDT:sma-50-200:3735683486:gap"), ("id", "x"),
        ]) func `an id that is not that of the entry's fields is refused`(field: String, value: String)
    {
        guard case .failure(.foreignID) = Self.read(with: [field: value]) else {
            return #expect(Bool(false), "\(field)=\(value) was taken")
        }
    }

    @Test func `a reason never repeats a long value`() {
        guard case .failure(let error) = Self.read(with: ["tickId": String(repeating: "x", count: 5_000)]) else {
            return #expect(Bool(false), "it was read")
        }
        #expect(error.description.count < 200)
    }
}
