public import TradingModel

extension MongoOrderStore {
    /// The document of `trader_state` with the trading mode.
    private static let modeID = "mode"

    private static func positionID(_ name: String) -> String { "position:\(name)" }

    /// By its `_id`.
    public mutating func tradingState() throws(TradeStoreError) -> TradingState? {
        try find(id: Self.modeID, in: .state) { (document) throws(TradeStoreError) in
            TradingState(
                mode: try document.choice("mode"), reason: try document.need("reason", document.text("reason")),
                time: try document.moment("time"))
        }
    }

    /// Replaces the document.
    public mutating func set(_ state: TradingState) throws(TradeStoreError) {
        let document = BSONDocument.of { document in
            document.append("_id", Self.modeID)
            document.append("mode", state.mode.rawValue)
            document.append("reason", state.reason)
            document.append("time", moment: state.time)
        }
        try put(document, id: Self.modeID, in: .state)
    }

    /// By its `_id`.
    public mutating func sourcePosition(of name: String) throws(TradeStoreError) -> UInt64? {
        try find(id: Self.positionID(name), in: .state) { (document) throws(TradeStoreError) in
            try document.counter("position")
        }
    }

    /// Replaces the document.
    public mutating func setSourcePosition(_ position: UInt64, of name: String) throws(TradeStoreError) {
        let id = Self.positionID(name)
        let number = try TradingDocument.integer(position, "position", of: name)
        let document = BSONDocument.of { document in
            document.append("_id", id)
            document.append("position", number)
        }
        try put(document, id: id, in: .state)
    }

    /// In commands of 100 positions each.
    public mutating func write(_ positions: [Position]) throws(TradeStoreError) {
        for first in stride(from: 0, to: positions.count, by: 100) {
            let part = positions[first..<min(first + 100, positions.count)]
            let command = BSONDocument.of { command in
                command.append("update", TradingCollection.positions.rawValue)
                command.append("updates", documents: part) { position, update in
                    update.append("q") { $0.append("_id", position.key.description) }
                    update.append("u", TradingDocument.encode(position))
                    update.append("upsert", true)
                }
                command.append("ordered", false)
            }
            _ = try write(command)
        }
    }
}
