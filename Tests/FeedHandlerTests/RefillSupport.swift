import FeedHandler
import Foundation
import TradingModel

/// What refill tests ask for: one instrument of each exchange, at 8 decimals.
enum RefillSample {
    static let catalog = MarketCatalog(
        instruments: [
            InstrumentSpecification(instrument: Instrument(exchange: .binance, symbol: "BTCUSDT")),
            InstrumentSpecification(instrument: Instrument(exchange: .binanceUSDM, symbol: "BTCUSDT")),
            InstrumentSpecification(
                instrument: Instrument(exchange: .simulator, symbol: "SIMUSDT"), priceDecimals: 2, quantityDecimals: 0),
        ], strategies: [])

    /// A hole between two ticks a second apart, noticed now.
    static func request(
        _ ids: ClosedRange<UInt64>, kind: RecordKind = .trade, instrument: UInt32 = 0, ordinal: UInt64 = 1,
        beforeMillis: Int64 = 1_700_000_000_000, afterMillis: Int64 = 1_700_000_001_000,
        noticed: MonotonicNanos = MonotonicNanos(rawValue: 1)
    ) -> RefillRequest {
        RefillRequest(
            ordinal: ordinal, instrument: instrument, kind: kind, feed: 0, firstID: ids.lowerBound,
            lastID: ids.upperBound, beforeTimeNanos: beforeMillis * 1_000_000, afterTimeNanos: afterMillis * 1_000_000,
            noticed: noticed)
    }

    /// A body of historicalTrades with these ids, a trade each 10 ms, the price its id and a half.
    static func trades(_ ids: some Sequence<UInt64>, timeMillis: Int64 = 1_700_000_000_000) -> String {
        "["
            + ids.map {
                #"{"id":\#($0),"price":"\#($0).5","qty":"0.25","quoteQty":"1","time":\#(timeMillis),"isBuyerMaker":true,"isBestMatch":true}"#
            }.joined(separator: ",") + "]"
    }

    /// A row of aggTrades.
    static func aggregate(_ id: UInt64, _ trades: ClosedRange<UInt64>, timeMillis: Int64 = 1_700_000_000_500) -> String
    {
        #"{"a":\#(id),"p":"\#(id).5","q":"2","f":\#(trades.lowerBound),"l":\#(trades.upperBound),"T":\#(timeMillis),"m":false,"M":true}"#
    }

    static func body(_ rows: [String]) -> String { "[\(rows.joined(separator: ","))]" }

    /// What the decoder makes of a body. It is copied to the end of its own allocation, so that the address sanitizer sees a
    /// read past it.
    static func decode(
        _ body: some Sequence<UInt8>, of endpoint: RefillEndpoint, for request: RefillRequest,
        in catalog: MarketCatalog = catalog
    ) -> Result<TradeHistoryPage, TradeHistoryError> {
        let bytes = Array(body)
        let exact = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { exact.deallocate() }
        exact.copyBytes(from: bytes)
        do throws(TradeHistoryError) {
            return .success(
                try TradeHistoryDecoder.decode(
                    UnsafeRawBufferPointer(exact).bytes, of: endpoint, for: request, in: catalog))
        } catch { return .failure(error) }
    }

    static func decode(
        _ body: String, of endpoint: RefillEndpoint, for request: RefillRequest
    ) -> Result<TradeHistoryPage, TradeHistoryError> {
        decode(body.utf8, of: endpoint, for: request)
    }
}
