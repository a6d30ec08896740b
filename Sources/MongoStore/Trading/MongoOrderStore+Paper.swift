public import TradingModel

extension MongoOrderStore {
    /// In one write.
    ///
    /// - Throws: `refused` for a record that no document can hold.
    public mutating func append(
        _ record: PaperRecord, account: String
    ) throws(TradeStoreError) -> PaperAppend {
        // A record that breaks both rules is the number's: whoever is behind must read before anything else.
        switch try insert(TradingDocument.encode(record, account: account), into: .paperLog) {
        case .inserted: .appended
        case .sameID: .isBehind
        case .sameKey: .isKnown
        }
    }

    /// By an index, from `sequence` on.
    public mutating func records(
        behind sequence: UInt64, account: String, most: Int
    ) throws(TradeStoreError) -> [PaperRecord] {
        let filter = BSONDocument.of { filter in
            filter.append("account", account)
            filter.append("sequence") { $0.append("$gt", Int64(clamping: sequence)) }
        }
        return try find(
            filter, in: .paperLog, by: TradingCollection.bySequence, most: most, TradingDocument.paperRecord)
    }

    /// By an index.
    public mutating func records(
        of clientOrderID: String, account: String
    ) throws(TradeStoreError) -> [PaperRecord] {
        let filter = BSONDocument.of { filter in
            filter.append("account", account)
            filter.append("clientOrderId", clientOrderID)
        }
        return try find(
            filter, in: .paperLog, by: TradingCollection.byPaperOrder, TradingDocument.paperRecord)
    }
}
