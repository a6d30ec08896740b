internal import TradingModel

/// The trader's collections and their indexes; the shapes of the documents are in `MongoStore.docc`.
enum TradingCollection: String, CaseIterable {
    case orders
    case outcomes = "signal_outcomes"
    case positions
    case leases
    case state = "trader_state"
    case paperLog = "paper_log"

    /// Orders as they were made, for folds.
    static let byCreation = MongoIndex([("createdTimeNanos", 1), ("_id", 1)])
    /// Orders that are open, as they were made.
    static let openByCreation = MongoIndex([("createdTimeNanos", 1), ("_id", 1)], only: ("isOpen", .boolean(true)))
    /// Orders of a signal.
    static let bySignal = MongoIndex([("signalId", 1), ("leg", 1)])
    /// The venue's name for an order, once.
    static let byClientOrderID = MongoIndex([("clientOrderId", 1)], isUnique: true)
    /// Applied outcomes of a key, the highest tick first and of one tick the cross.
    static let byTick = MongoIndex(
        [("exchange", 1), ("symbol", 1), ("strategy", 1), ("tickId", -1), ("isAfterGap", 1)],
        only: ("isApplied", .boolean(true)))
    /// The paper venue's records in order; `_id` keeps their numbers unique.
    static let bySequence = MongoIndex([("account", 1), ("sequence", 1)])
    /// The paper venue's records of an order.
    static let byPaperOrder = MongoIndex([("account", 1), ("clientOrderId", 1), ("sequence", 1)])
    /// The one record that accepts an order.
    static let byAcceptance = MongoIndex(
        [("account", 1), ("clientOrderId", 1)], isUnique: true, only: ("kind", .text(PaperRecord.Kind.accept.rawValue)))
    /// Documents by their `_id`; the server makes it.
    static let byID = MongoIndex([("_id", 1)])

    /// What is made; unique ones first, so that nothing gets in before them.
    var indexes: [MongoIndex] {
        switch self {
        case .orders: [Self.byClientOrderID, Self.byCreation, Self.openByCreation, Self.bySignal]
        case .outcomes: [Self.byTick]
        case .paperLog: [Self.byAcceptance, Self.bySequence, Self.byPaperOrder]
        case .positions, .leases, .state: []
        }
    }
}
