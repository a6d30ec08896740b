/// The tables of the trader's file.
///
/// They have the fields of the MongoDB documents of the same names; what is an array there is a table of its own here
/// (`order_events`, `order_fills`, `position_fees`), in the array's order by `number`. Decimals are text, exactly as computed;
/// times are RFC 3339 text in milliseconds with the nanoseconds as integers beside them.
enum TradingSchema {
    /// Marked "TRAD".
    static let format = DatabaseFormat(applicationID: 0x5452_4144, version: 1)

    /// Makes what is not there.
    static let statements = """
        PRAGMA application_id = \(format.applicationID);
        PRAGMA user_version = \(format.version);
        CREATE TABLE IF NOT EXISTS orders (
            _id TEXT PRIMARY KEY, clientOrderId TEXT NOT NULL UNIQUE, signalId TEXT NOT NULL, stream TEXT NOT NULL,
            exchange TEXT NOT NULL, symbol TEXT NOT NULL, strategy TEXT NOT NULL, tickId INTEGER NOT NULL, signalReceiveTime TEXT NOT NULL,
            signalReceiveTimeNanos INTEGER NOT NULL, leg INTEGER NOT NULL, side TEXT NOT NULL, quantity TEXT NOT NULL,
            type TEXT NOT NULL, limitPrice TEXT, timeoutMillis INTEGER, referencePrice TEXT NOT NULL,
            quoteAsset TEXT NOT NULL, token INTEGER NOT NULL, revision INTEGER NOT NULL, venueOrderId TEXT,
            state TEXT NOT NULL, isOpen INTEGER NOT NULL, filledQuantity TEXT NOT NULL, createdTime TEXT NOT NULL,
            createdTimeNanos INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS orders_created ON orders (createdTimeNanos, _id);
        CREATE INDEX IF NOT EXISTS orders_open ON orders (createdTimeNanos, _id) WHERE isOpen = 1;
        CREATE INDEX IF NOT EXISTS orders_signal ON orders (signalId, leg);
        CREATE TABLE IF NOT EXISTS order_events (
            orderId TEXT NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL, time TEXT NOT NULL,
            timeNanos INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (orderId, number)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS order_fills (
            orderId TEXT NOT NULL, number INTEGER NOT NULL, tradeId TEXT NOT NULL, price TEXT NOT NULL,
            quantity TEXT NOT NULL, fee TEXT NOT NULL, feeAsset TEXT NOT NULL, time TEXT NOT NULL,
            timeNanos INTEGER NOT NULL, PRIMARY KEY (orderId, number)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS signal_outcomes (
            _id TEXT PRIMARY KEY, exchange TEXT, symbol TEXT, strategy TEXT, result TEXT NOT NULL,
            isApplied INTEGER NOT NULL, reason TEXT NOT NULL, tickId INTEGER NOT NULL, isAfterGap INTEGER NOT NULL,
            target TEXT, token INTEGER NOT NULL, time TEXT NOT NULL, timeNanos INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS outcomes_applied ON signal_outcomes
            (exchange, symbol, strategy, tickId DESC, isAfterGap) WHERE isApplied = 1;
        CREATE TABLE IF NOT EXISTS positions (
            _id TEXT PRIMARY KEY, exchange TEXT NOT NULL, symbol TEXT NOT NULL, strategy TEXT NOT NULL,
            quantity TEXT NOT NULL, cost TEXT NOT NULL, realisedProfit TEXT NOT NULL, quoteAsset TEXT NOT NULL,
            fillCount INTEGER NOT NULL, lastFillTime TEXT, lastFillTimeNanos INTEGER) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS position_fees (
            positionId TEXT NOT NULL, asset TEXT NOT NULL, amount TEXT NOT NULL,
            PRIMARY KEY (positionId, asset)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS leases (
            _id TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, until TEXT,
            untilNanos INTEGER) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS trader_state (
            _id TEXT PRIMARY KEY, mode TEXT, reason TEXT, time TEXT, timeNanos INTEGER,
            position INTEGER) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS paper_log (
            account TEXT NOT NULL, sequence INTEGER NOT NULL, kind TEXT NOT NULL, token INTEGER NOT NULL,
            clientOrderId TEXT NOT NULL, time TEXT NOT NULL, timeNanos INTEGER NOT NULL,
            requestClientOrderId TEXT, requestExchange TEXT, requestSymbol TEXT, requestSide TEXT,
            requestQuantity TEXT, requestType TEXT, requestLimitPrice TEXT, requestTimeoutMillis INTEGER,
            requestReferencePrice TEXT, fillTradeId TEXT, fillPrice TEXT, fillQuantity TEXT, fillFee TEXT,
            fillFeeAsset TEXT, fillTime TEXT, fillTimeNanos INTEGER, PRIMARY KEY (account, sequence)) WITHOUT ROWID;
        CREATE UNIQUE INDEX IF NOT EXISTS paper_accepted ON paper_log (account, clientOrderId) WHERE kind = 'accept';
        CREATE INDEX IF NOT EXISTS paper_order ON paper_log (account, clientOrderId, sequence);
        """

    // What is searched: each by its index alone.

    static let orderByID = "SELECT * FROM orders WHERE _id = ?"
    static let orderByClientID = "SELECT * FROM orders WHERE clientOrderId = ?"
    static let ordersOfSignal = "SELECT * FROM orders WHERE signalId = ? ORDER BY leg, _id"
    static let openOrders = "SELECT * FROM orders WHERE isOpen = 1 ORDER BY createdTimeNanos, _id"
    static let ordersBehind =
        "SELECT * FROM orders WHERE (createdTimeNanos, _id) > (?, ?) ORDER BY createdTimeNanos, _id LIMIT ?"
    static let eventsOfOrder = "SELECT * FROM order_events WHERE orderId = ? ORDER BY number"
    static let fillsOfOrder = "SELECT * FROM order_fills WHERE orderId = ? ORDER BY number"
    static let outcomeByID = "SELECT * FROM signal_outcomes WHERE _id = ?"
    static let appliedBehind = """
        SELECT * FROM signal_outcomes WHERE isApplied = 1 AND (exchange, symbol, strategy) > (?, ?, ?)
        ORDER BY exchange, symbol, strategy, tickId DESC, isAfterGap LIMIT 1
        """
    static let paperBehind = "SELECT * FROM paper_log WHERE account = ? AND sequence > ? ORDER BY sequence LIMIT ?"
    static let paperOfOrder = "SELECT * FROM paper_log WHERE account = ? AND clientOrderId = ? ORDER BY sequence"
    static let searches = [
        orderByID, orderByClientID, ordersOfSignal, openOrders, ordersBehind, eventsOfOrder, fillsOfOrder, outcomeByID,
        appliedBehind,
        paperBehind, paperOfOrder,
    ]
}
