public import TradingModel

/// How signals look on standard output.
public enum ConsoleFormat: Sendable {
    /// Aligned columns under a header, for a terminal.
    case table
    /// One JSON object a line with the fields of the Redis entry, for programs.
    case jsonLines
}

/// Renders one signal as text; cold, on the printing thread.
public struct SignalLine: Sendable {
    let catalog: MarketCatalog

    /// Of that run's signals.
    public init(catalog: MarketCatalog) { self.catalog = catalog }

    /// The columns of the table.
    public static let header =
        "TIME                      SIGNAL  INSTRUMENT            STRATEGY         PRICE"
        + "            SHORT SMA         LONG SMA          TICK"

    /// Aligned under `header`.
    public func table(_ signal: Decision) -> String {
        let text = Fields(signal, catalog)
        let columns: [(String, Int)] = [
            (text.time, 26), (text.signal, 8), ("\(text.instrument)", 22), (text.strategy, 17), (text.price, 17),
            (text.shortSMA, 18), (text.longSMA, 18), ("\(signal.tickID)", 0),
        ]
        return columns.map { column, width in
            column + String(repeating: " ", count: max(width == 0 ? 0 : 1, width - column.count))
        }.joined() + (signal.reason == .gap ? " (after a gap)" : "")
    }

    /// The fields and their order are those of the Redis entry. No value needs escaping: symbols are checked when a feed
    /// is planned, all else is ours.
    public func json(_ signal: Decision) -> String {
        "{" + fields(signal).map { "\"\($0)\":\"\($1)\"" }.joined(separator: ",") + "}"
    }

    /// Names and values of the Redis entry, in its order.
    public func fields(_ signal: Decision) -> [(name: String, value: String)] {
        let text = Fields(signal, catalog)
        return [
            ("signal", text.signal), ("shortSMA", text.shortSMA), ("longSMA", text.longSMA), ("time", text.time),
            ("schema", "1"), ("id", text.id), ("exchange", text.instrument.exchange.rawValue),
            ("symbol", text.instrument.symbol), ("strategy", text.strategy), ("price", text.price),
            ("tickId", "\(signal.tickID)"), ("eventTime", "\(signal.exchangeTime.rawValue)"),
            ("receiveTime", "\(signal.receiveTime.rawValue)"), ("reason", "\(signal.reason.name)"),
        ]
    }

    private struct Fields {
        let id, signal, shortSMA, longSMA, time, strategy, price: String
        let instrument: Instrument

        init(_ decision: Decision, _ catalog: MarketCatalog) {
            let specification = catalog.instruments[Int(decision.instrument)]
            let parameters = catalog.strategies[Int(decision.strategy)]
            let decimals = specification.priceDecimals
            instrument = specification.instrument
            id = catalog.identifier(of: decision)
            signal = "\(decision.side.name)"
            strategy = catalog.strategyName(instrument: decision.instrument, strategy: decision.strategy)
            shortSMA = TextCursor.text {
                $0.append(averageOf: decision.shortSum, count: parameters.shortPeriod, decimals: decimals)
            }
            longSMA = TextCursor.text {
                $0.append(averageOf: decision.longSum, count: parameters.longPeriod, decimals: decimals)
            }
            time = TextCursor.text { $0.append(rfc3339: decision.exchangeTime) }
            price = TextCursor.text { $0.append(fixedPoint: decision.price, decimals: decimals) }
        }
    }
}
