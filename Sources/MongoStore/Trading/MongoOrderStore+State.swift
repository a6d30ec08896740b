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
        try put(in: .state) { _, document in
            document.append("_id", Self.modeID)
            document.append("mode", state.mode.rawValue)
            document.append("reason", state.reason)
            document.append("time", moment: state.time)
            return Self.modeID
        }
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
        try put(in: .state) { _, document in
            document.append("_id", id)
            document.append("position", number)
            return id
        }
    }

    /// All in one bulk, each a write of its own.
    public mutating func write(_ positions: [Position]) throws(TradeStoreError) {
        try put(count: positions.count, in: .positions) { index, document in
            document = TradingDocument.encode(positions[index])
            return positions[index].key.description
        }
    }
}
