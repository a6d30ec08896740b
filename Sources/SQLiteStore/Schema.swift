/// The database's tables and views.
///
/// Tables `tick_rows` and `depth_rows` are keyed by a small number for (exchange, symbol, kind) and the exchange's own id,
/// so a row written twice is one row and its key is a few bytes; ticks keep prices as the integers they are, with their
/// scale, which is twice as fast to write as their text. A small number costs as much time as a large one, so `format` holds
/// three: price decimals in bits 0 to 3, quantity decimals in 4 to 7, the tick's flags from 8 on; for the same reason no
/// column is checked not to be NULL. What readers use are the views `ticks` and `depth` with the fields of the MongoDB
/// documents of the same names; `trade_signals`, `gaps` and `klines`, with few rows, are tables as they are. Decimals are
/// read as text, exactly as computed; times are RFC 3339 text in milliseconds with the nanoseconds as integers beside them.
enum Schema {
    /// Marked "TICK".
    static let format = DatabaseFormat(applicationID: 0x5449_434B, version: 3)

    private static func date(_ nanos: String) -> String {
        // Integer division first: a double has not the digits of today's nanoseconds.
        """
        CASE WHEN \(nanos) <> 0 THEN strftime('%Y-%m-%dT%H:%M:%S', \(nanos) / 1000000000, 'unixepoch')
            || printf('.%03dZ', \(nanos) / 1000000 % 1000) END
        """
    }

    /// The exact decimal text of a number above or equal 0 that counts units of 10^-decimals; trailing zeros stripped.
    private static func decimal(_ number: String, _ decimals: String) -> String {
        let power = "CAST('1' || substr('000000000000', 1, \(decimals)) AS INTEGER)"
        return """
            CASE WHEN \(decimals) = 0 THEN CAST(\(number) AS TEXT)
                ELSE rtrim(rtrim(printf('%d.%0*d', \(number) / \(power), \(decimals), \(number) % \(power)), '0'), '.') END
            """
    }

    private static let priceDecimals = "(format & 15)"
    private static let quantityDecimals = "(format >> 4 & 15)"

    /// Makes what is not there.
    static let statements = """
        PRAGMA application_id = \(format.applicationID);
        PRAGMA user_version = \(format.version);
        CREATE TABLE IF NOT EXISTS streams (
            stream INTEGER PRIMARY KEY, exchange TEXT NOT NULL, symbol TEXT NOT NULL, kind TEXT NOT NULL,
            UNIQUE (exchange, symbol, kind));
        CREATE TABLE IF NOT EXISTS tick_rows (
            stream INTEGER, id INTEGER, price INTEGER, quantity INTEGER, second_price INTEGER, second_quantity INTEGER,
            format INTEGER, event_ns INTEGER, receive_ns INTEGER, created_ms INTEGER,
            PRIMARY KEY (stream, id)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS depth_rows (
            stream INTEGER NOT NULL, id INTEGER NOT NULL, first_id INTEGER NOT NULL, previous_id INTEGER,
            bids TEXT NOT NULL, asks TEXT NOT NULL, event_ns INTEGER NOT NULL, transaction_ns INTEGER NOT NULL,
            receive_ns INTEGER NOT NULL, created_ms INTEGER NOT NULL, PRIMARY KEY (stream, id)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS trade_signals (
            _id TEXT PRIMARY KEY, exchange TEXT NOT NULL, symbol TEXT NOT NULL, strategy TEXT NOT NULL,
            signal TEXT NOT NULL, isSignal INTEGER NOT NULL, reason TEXT NOT NULL, shortSMA TEXT, longSMA TEXT,
            price TEXT NOT NULL, tickId INTEGER NOT NULL, timestamp TEXT NOT NULL, eventTimeNanos INTEGER NOT NULL,
            receiveTime TEXT NOT NULL, receiveTimeNanos INTEGER NOT NULL, created_at TEXT NOT NULL) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS trade_signals_time ON trade_signals (eventTimeNanos);
        CREATE INDEX IF NOT EXISTS trade_signals_series ON trade_signals (exchange, symbol, strategy, tickId);
        CREATE INDEX IF NOT EXISTS trade_signals_strategy ON trade_signals (symbol, strategy, eventTimeNanos);
        CREATE TABLE IF NOT EXISTS gaps (
            _id TEXT PRIMARY KEY, exchange TEXT NOT NULL, symbol TEXT NOT NULL, kind TEXT NOT NULL,
            fromId INTEGER NOT NULL, toId INTEGER NOT NULL, missing INTEGER NOT NULL, cause TEXT NOT NULL,
            beforeTime TEXT, beforeTimeNanos INTEGER NOT NULL, afterTime TEXT, afterTimeNanos INTEGER NOT NULL,
            noticedTime TEXT NOT NULL, noticedTimeNanos INTEGER NOT NULL, refilled INTEGER NOT NULL,
            refilledFrom TEXT, created_at TEXT NOT NULL) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS gaps_series ON gaps (exchange, symbol, kind, fromId);
        CREATE INDEX IF NOT EXISTS gaps_time ON gaps (symbol, noticedTimeNanos);
        CREATE TABLE IF NOT EXISTS klines (
            _id TEXT PRIMARY KEY, exchange TEXT NOT NULL, symbol TEXT NOT NULL, interval TEXT NOT NULL,
            openTime TEXT, openTimeNanos INTEGER NOT NULL, closeTime TEXT,
            closeTimeNanos INTEGER NOT NULL, open TEXT NOT NULL, high TEXT NOT NULL, low TEXT NOT NULL,
            close TEXT NOT NULL, volume TEXT NOT NULL, trades INTEGER NOT NULL, firstTradeId INTEGER,
            lastTradeId INTEGER, eventTime TEXT, eventTimeNanos INTEGER NOT NULL, receiveTime TEXT NOT NULL,
            receiveTimeNanos INTEGER NOT NULL, created_at TEXT NOT NULL) WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS klines_series ON klines (exchange, symbol, interval, openTimeNanos);
        CREATE INDEX IF NOT EXISTS klines_time ON klines (symbol, interval, openTimeNanos);
        CREATE VIEW IF NOT EXISTS ticks AS SELECT
            exchange || ':' || symbol || ':' || kind || ':' || id AS _id, exchange, symbol, kind, id AS tickId,
            CASE WHEN kind <> 'bookTicker' THEN \(decimal("price", priceDecimals)) END AS price,
            CASE WHEN kind <> 'bookTicker' AND format >> 8 & 16 = 0
                THEN \(decimal("quantity", quantityDecimals)) END AS quantity,
            CASE WHEN format >> 8 & 16 THEN \(decimal("quantity", quantityDecimals)) END AS aggregateQuantity,
            CASE WHEN kind <> 'bookTicker' THEN format >> 8 & 1 END AS buyerIsMaker,
            CASE WHEN format >> 8 & 2 THEN 0 END AS isMarketPrice,
            CASE WHEN format >> 8 & 4 THEN 1 END AS isOutsideBand,
            CASE WHEN format >> 8 & 8 THEN 1 END AS refilled,
            CASE WHEN kind = 'aggTrade' OR format >> 8 & 16 THEN second_price END AS firstTradeId,
            CASE WHEN kind = 'aggTrade' OR format >> 8 & 16 THEN second_quantity END AS lastTradeId,
            CASE WHEN kind = 'bookTicker' THEN \(decimal("price", priceDecimals)) END AS bidPrice,
            CASE WHEN kind = 'bookTicker' THEN \(decimal("quantity", quantityDecimals)) END AS bidQuantity,
            CASE WHEN kind = 'bookTicker' THEN \(decimal("second_price", priceDecimals)) END AS askPrice,
            CASE WHEN kind = 'bookTicker' THEN \(decimal("second_quantity", quantityDecimals)) END AS askQuantity,
            \(date("event_ns")) AS eventTime, NULLIF(event_ns, 0) AS eventTimeNanos,
            \(date("receive_ns")) AS receiveTime, receive_ns AS receiveTimeNanos,
            \(date("(created_ms * 1000000)")) AS created_at
            FROM tick_rows JOIN streams USING (stream);
        CREATE VIEW IF NOT EXISTS depth AS SELECT
            exchange || ':' || symbol || ':' || kind || ':' || id AS _id, exchange, symbol, kind,
            CASE kind WHEN 'depth' THEN 'depthUpdate' END AS eventtype,
            CASE WHEN event_ns <> 0 THEN event_ns / 1000000 END AS eventtime, first_id AS firstupdateid,
            id AS finalupdateid, previous_id AS previousupdateid, bids AS bidupdates, asks AS askupdates,
            \(date("event_ns")) AS eventTimestamp, NULLIF(event_ns, 0) AS eventTimeNanos,
            NULLIF(transaction_ns, 0) AS transactionTimeNanos,
            \(date("receive_ns")) AS receiveTime, receive_ns AS receiveTimeNanos,
            \(date("(created_ms * 1000000)")) AS created_at
            FROM depth_rows JOIN streams USING (stream);
        """
}
