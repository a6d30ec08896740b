internal import CFeedDecoder
package import TradingModel

/// Why an answer of the exchange's history was refused as a whole.
package enum TradeHistoryError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The catalogue has no such instrument.
    case unknownInstrument
    /// Rows of that endpoint give no ticks of the requested kind.
    case unsuitableEndpoint
    /// The body is no UTF-8 text.
    case notText
    /// A row, counted from 0, is refused for that reason; a body that is no JSON array fails at the row where it stops being
    /// one.
    case row(Int, DecodeOutcome)
    /// The ids of a row don't follow those of the row before.
    case notInOrder(row: Int)
    /// More rows than the exchange gives at once.
    case tooManyRows
    /// The rows stand for more trades than memory is used for.
    case tooManyTrades

    /// One line.
    package var description: String {
        switch self {
        case .unknownInstrument: "the run has no such instrument"
        case .unsuitableEndpoint: "the answer's rows are not of the requested kind"
        case .notText: "the answer is no UTF-8 text"
        case .row(let number, let outcome): "row \(number) of the answer is refused: \(outcome.label)"
        case .notInOrder(let number): "row \(number) of the answer does not follow the one before"
        case .tooManyRows: "the answer has more than \(RefillEndpoint.mostRows) rows"
        case .tooManyTrades: "the answer stands for more than \(TradeHistoryDecoder.mostTicks) trades"
        }
    }
}

/// One answer of the exchange's history, read.
package struct TradeHistoryPage: Sendable, Equatable {
    /// Ticks of the requested kind and ids, ids rising.
    package var ticks: [Tick]
    /// Rows of the answer, also those outside of the requested ids.
    package var rowCount: Int
    /// Id of the first row: of a trade or an aggregate, as the endpoint has them.
    package var firstRowID: UInt64?
    /// The last row as it is.
    package var lastRow: Tick?

    /// The page of an answer without rows.
    package static let empty = TradeHistoryPage(ticks: [], rowCount: 0)
}

/// Reads the exchange's lists of past trades.
///
/// A function of its arguments alone: the same body gives the same ticks when a journal is replayed. Prices and quantities
/// become integers at the instrument's scales, exactly or not at all. Rules of a row: `trade_history.h`.
package enum TradeHistoryDecoder {
    /// Most ticks of one answer, 8 MiB: an aggregate may stand for any number of trades, or claim to.
    package static let mostTicks = 1 << 17

    /// Reads a body that `endpoint` gave for `request`. O(rows + ticks); allocates the ticks.
    ///
    /// Ticks carry `TickFlags.refilled` and the exchange's time; `receiveMonotonicNanos` is 0. Where trades are asked for and
    /// the rows are aggregates, each requested id that a row covers gives one tick with `TickFlags.fromAggregate`.
    /// - Throws: why the whole answer is refused.
    package static func decode(
        _ body: RawSpan, of endpoint: RefillEndpoint, for request: RefillRequest, in catalog: MarketCatalog
    ) throws(TradeHistoryError) -> TradeHistoryPage {
        guard request.instrument < catalog.instruments.count else { throw .unknownInstrument }
        guard request.kind == .aggregateTrade ? endpoint.hasAggregates : request.kind == .trade else {
            throw .unsuitableEndpoint
        }
        let specification = catalog.instruments[Int(request.instrument)]
        return try unsafe body.withUnsafeBytes { bytes throws(TradeHistoryError) in
            var check = UTF8Check()
            guard unsafe check.take(bytes), check.isComplete else { throw .notText }
            // An empty body is no JSON; C wants a pointer all the same.
            guard let start = bytes.baseAddress else { throw .row(0, .malformed) }
            let text = unsafe start.assumingMemoryBound(to: UInt8.self)
            var history = unsafe trade_history(
                at: text, end: text + bytes.count, is_begun: false, is_aggregates: endpoint.hasAggregates,
                price_decimals: UInt8(specification.priceDecimals),
                quantity_decimals: UInt8(specification.quantityDecimals), instrument: request.instrument,
                feed: request.feed)
            return try unsafe read(&history, request)
        }
    }

    private static func read(
        _ history: inout trade_history, _ request: RefillRequest
    ) throws(TradeHistoryError) -> TradeHistoryPage {
        var page = TradeHistoryPage.empty
        var record = tick_record()
        var isEnd = false
        while true {
            let result = unsafe trade_history_next(&history, &record, &isEnd)
            guard result == DECODE_TICK else {
                throw .row(page.rowCount, DecodeOutcome(rawValue: result.rawValue) ?? .malformed)
            }
            if isEnd { return page }
            guard page.rowCount < RefillEndpoint.mostRows else { throw .tooManyRows }
            let row = Tick(record)
            if let last = page.lastRow {
                guard row.id > last.id else { throw .notInOrder(row: page.rowCount) }
                // Trades of two rows would come twice, or backwards.
                let overlaps = row.secondaryPrice <= last.secondaryQuantity
                if unsafe history.is_aggregates, request.kind == .trade, overlaps {
                    throw .notInOrder(row: page.rowCount)
                }
            }
            if page.firstRowID == nil { page.firstRowID = row.id }
            page.lastRow = row
            page.rowCount += 1
            guard append(row, request, to: &page.ticks) else { throw .tooManyTrades }
        }
    }

    /// Adds what the request asks of a row; false where that is too much.
    private static func append(_ row: Tick, _ request: RefillRequest, to ticks: inout [Tick]) -> Bool {
        var tick = row
        tick.flags |= TickFlags.refilled.rawValue
        guard row.kind != request.kind.rawValue else {
            if row.id >= request.firstID, row.id <= request.lastID { ticks.append(tick) }
            return true
        }
        let first = max(UInt64(row.secondaryPrice), request.firstID)
        let last = min(UInt64(row.secondaryQuantity), request.lastID)
        guard first <= last else { return true }
        guard last - first < UInt64(mostTicks - ticks.count) else { return false }
        tick.kind = RecordKind.trade.rawValue
        tick.flags |= TickFlags.fromAggregate.rawValue
        for id in first...last {
            tick.id = id
            ticks.append(tick)
        }
        return true
    }
}

extension Tick {
    /// A trade or aggregate trade as C decoded it; the raw values of kind and flags are the same on both sides.
    fileprivate init(_ record: tick_record) {
        self.init(
            id: record.id, exchangeTimeNanos: record.exchange_time_ns,
            receiveMonotonicNanos: record.receive_monotonic_ns, price: record.price, quantity: record.quantity,
            secondaryPrice: record.secondary_price, secondaryQuantity: record.secondary_quantity,
            instrument: record.instrument, kind: .trade, flags: TickFlags(rawValue: record.flags), feed: record.feed)
        kind = record.kind
    }
}
