public import TradingModel

extension MongoOrderStore {
    /// In one write.
    ///
    /// - Throws: `refused` for an outcome that no document can hold.
    public mutating func record(_ outcome: SignalOutcome) throws(TradeStoreError) -> Bool {
        switch try insert(TradingDocument.encode(outcome), into: .outcomes) {
        case .inserted: true
        case .sameID: false
        case .sameKey: throw .refused("an index of signal_outcomes that is not Tickline's refuses \(outcome.id)")
        }
    }

    /// By its `_id`.
    public mutating func outcome(id: String) throws(TradeStoreError) -> SignalOutcome? {
        try find(id: id, in: .outcomes, TradingDocument.outcome)
    }

    /// One search for each key, from one to the next by the index.
    public mutating func lastApplied() throws(TradeStoreError) -> [SignalOutcome] {
        var found: [SignalOutcome] = []
        while let next = try firstApplied(behind: found.last?.key) { found.append(next) }
        return found
    }

    private func firstApplied(behind key: StrategyKey?) throws(TradeStoreError) -> SignalOutcome? {
        guard let key else { return try firstApplied { $0.append("exchange") { $0.append("$gt", "") } } }
        let (exchange, symbol) = (key.instrument.exchange.rawValue, key.instrument.symbol)
        // The next strategy of the symbol, else the next symbol of the exchange, else the next exchange.
        let ofSymbol = try firstApplied { filter in
            filter.append("exchange", exchange)
            filter.append("symbol", symbol)
            filter.append("strategy") { $0.append("$gt", key.strategy) }
        }
        if let ofSymbol { return ofSymbol }
        let ofExchange = try firstApplied { filter in
            filter.append("exchange", exchange)
            filter.append("symbol") { $0.append("$gt", symbol) }
        }
        if let ofExchange { return ofExchange }
        return try firstApplied { $0.append("exchange") { $0.append("$gt", exchange) } }
    }

    private func firstApplied(_ body: (inout BSONDocument) -> Void) throws(TradeStoreError) -> SignalOutcome? {
        let index = TradingCollection.byTick
        let filter = BSONDocument.of { filter in
            body(&filter)
            index.appendCondition(to: &filter)
        }
        return try find(filter, in: .outcomes, by: index, most: 1, TradingDocument.outcome).first
    }
}
