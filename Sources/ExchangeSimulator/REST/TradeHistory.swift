internal import MarketRecording

/// The trades of the market's present run by venue and symbol, as the exchange knows them: every one that the replay has
/// passed, whatever faults made of its message and whether or not anybody was connected.
///
/// Used on the event loop only.
struct TradeHistory {
    /// The trades, and the aggregate trades, that are kept of each symbol: minutes of a busy one. At 48 and 72 bytes each
    /// that is at most 3.75 MiB a symbol.
    static let maximumTradesPerSymbol = 1 << 15

    /// One symbol's.
    struct Log {
        private(set) var trades = HistoryRing<TradeRecord>(capacity: TradeHistory.maximumTradesPerSymbol)
        private(set) var aggregates = HistoryRing<AggregateRecord>(capacity: TradeHistory.maximumTradesPerSymbol)
        /// Whether the source has aggregate trades of its own; then none are made.
        let hasOwnAggregates: Bool
        private var nextAggregateID: UInt64?

        init(hasOwnAggregates: Bool) { self.hasOwnAggregates = hasOwnAggregates }

        /// Adds what is newer than all before; repeats within a source are left out. O(1).
        mutating func add(_ record: HistoryRecord) {
            switch record {
            case .trade(let trade):
                if let last = trades.last, trade.id <= last.id { return }
                trades.append(trade)
                if !hasOwnAggregates { aggregate(trade) }
            case .aggregate(let aggregate):
                if let last = aggregates.last, aggregate.id <= last.id { return }
                aggregates.append(aggregate)
            }
        }

        /// The rule: trades of consecutive ids with the same price, the same maker side and the same time are one
        /// aggregate trade; others begin the next. Trades that are not `MARKET` belong to none. So the newest aggregate may
        /// still grow. Its ids are contiguous and begin with that of the run's first trade.
        ///
        /// The exchange parts the fills of two orders within a millisecond, which trades do not tell.
        private mutating func aggregate(_ trade: TradeRecord) {
            guard trade.isMarket else { return }
            if var last = aggregates.last, last.lastTradeID + 1 == trade.id, last.trade.price == trade.price,
                last.trade.buyerIsMaker == trade.buyerIsMaker, last.trade.timeMillis == trade.timeMillis,
                last.trade.quantity.places == trade.quantity.places
            {
                let (sum, overflow) = last.trade.quantity.mantissa.addingReportingOverflow(trade.quantity.mantissa)
                if !overflow {
                    last.trade.quantity.mantissa = sum
                    last.lastTradeID = trade.id
                    aggregates[aggregates.count - 1] = last
                    return
                }
            }
            let id = nextAggregateID ?? trade.id
            nextAggregateID = id + 1
            aggregates.append(
                AggregateRecord(id: id, firstTradeID: trade.id, lastTradeID: trade.id, trade: trade))
        }

        mutating func removeAll() {
            trades.removeAll()
            aggregates.removeAll()
            nextAggregateID = nil
        }
    }

    private var logs: [Log] = []
    private var index: [Market: Int] = [:]
    /// For each stream of the source and each venue the log its messages go to.
    private var logOfStream: [[Int?]]

    /// A history of the symbols whose trades or aggregate trades `source` has.
    init(_ source: any MessageSource) {
        let streams = source.streams
        let symbols = streams.map(\.tradedSymbol)
        let aggregated = Set(zip(streams, symbols).compactMap { $0.kind == .aggregateTrade ? $1 : nil })
        for market in source.markets {
            index[market] = logs.count
            logs.append(Log(hasOwnAggregates: aggregated.contains(market.symbol)))
        }
        let positions = index
        logOfStream = symbols.map { symbol in
            Venue.allCases.map { venue in symbol.flatMap { positions[Market(venue: venue, symbol: $0)] } }
        }
    }

    /// The history of a market; nil where there is none of that name.
    subscript(market: Market) -> Log? { index[market].map { logs[$0] } }

    /// Adds the message a source stands at. O(1).
    mutating func add(_ source: any MessageSource, stream: Int) {
        guard let record = source.historyRecord,
            let log = logOfStream[stream][Int(record.venue.rawValue)]
        else { return }
        logs[log].add(record)
    }

    /// The market starts anew.
    mutating func removeAll() { for log in logs.indices { logs[log].removeAll() } }
}
