import Replay
import TradingModel

/// An explanation as named texts, for a person and for a program.
struct ExplanationFields {
    /// A heading, or a name (the JSON key), its words for a person and its text.
    private struct Field {
        var name, title, value: String
    }

    private var fields: [Field] = []
    /// Tick and price; of what a checkpoint alone has, no tick.
    private var prices: [(tick: String, price: String)] = []
    private let shortCount: Int

    init(_ explanation: SignalExplanation, _ recorded: RecordedSignal, showsWindows: Bool) {
        shortCount = explanation.catalog.strategies[Int(explanation.decision.strategy)].shortPeriod
        let decimals = explanation.catalog.instruments[Int(explanation.decision.instrument)].priceDecimals
        addSignal(explanation, recorded, decimals)
        addTick(explanation)
        addWindows(explanation, decimals)
        addStages(explanation, recorded)
        guard showsWindows else { return }
        prices = explanation.window.map {
            ($0.tickID.map { "\($0)" } ?? "", TextCursor.fixedPoint($0.price, decimals))
        }
    }

    private mutating func add(_ name: String, _ title: String, _ value: String?) {
        if let value { fields.append(Field(name: name, title: title, value: value)) }
    }

    private mutating func addSignal(_ explanation: SignalExplanation, _ recorded: RecordedSignal, _ decimals: Int) {
        let decision = explanation.decision
        add("id", "signal", explanation.catalog.identifier(of: decision))
        add("signal", "side", "\(decision.side.name)")
        add("reason", "reason", "\(decision.reason.name)")
        add("number", "number in the journal", "\(recorded.number)")
        add("previousSignal", "side before", recorded.previous.map { "\($0.side.name)" } ?? "not in the journal")
        add("previousTickId", "  since tick", recorded.previous.map { "\($0.tickID)" })
        if recorded.previous?.isAdopted == true { add("previousFrom", "  taken over from", "the signal stream") }
    }

    private mutating func addTick(_ explanation: SignalExplanation) {
        let (tick, decision) = (explanation.tick, explanation.decision)
        let decimals = explanation.catalog.instruments[Int(tick.instrument)].priceDecimals
        add("tickId", "tick", "\(tick.id)")
        add("price", "  price", TextCursor.fixedPoint(tick.price, decimals))
        add("eventTime", "  exchange time", TextCursor.text { $0.append(rfc3339: decision.exchangeTime) })
        add("receiveTime", "  receive time", TextCursor.text { $0.append(rfc3339: decision.receiveTime) })
        add("feed", "  feed", explanation.feed)
        add("connection", "  connection", "\(explanation.connection)")
        add("refilled", "  from the exchange's history", tick.isRefilled ? "yes" : "no")
    }

    private mutating func addWindows(_ explanation: SignalExplanation, _ decimals: Int) {
        let (decision, window) = (explanation.decision, explanation.window)
        let periods = explanation.catalog.strategies[Int(decision.strategy)]
        let windows = [
            ("short", periods.shortPeriod, decision.shortSum), ("long", periods.longPeriod, decision.longSum),
        ]
        for (name, period, sum) in windows {
            let part = window.suffix(period)
            add("\(name)Count", "\(name) window", "\(part.count)")
            add("\(name)FirstTickId", "  first tick", part.first?.tickID.map { "\($0)" } ?? "only in a checkpoint")
            add("\(name)LastTickId", "  last tick", part.last?.tickID.map { "\($0)" })
            add("\(name)Sum", "  sum", TextCursor.sum(sum, decimals))
            add(
                "\(name)SMA", "  average",
                TextCursor.text { $0.append(averageOf: sum, count: period, decimals: decimals) })
        }
        let left = decision.shortSum * Int128(periods.longPeriod)
        let right = decision.longSum * Int128(periods.shortPeriod)
        add("shortSumTimesLongPeriod", "short sum x \(periods.longPeriod)", TextCursor.sum(left, decimals))
        add("longSumTimesShortPeriod", "long sum x \(periods.shortPeriod)", TextCursor.sum(right, decimals))
        add("comparison", "  the first is", left > right ? "greater" : left < right ? "less" : "equal")
    }

    /// Times as nanoseconds behind the receipt, or where no stream delivered the tick behind the engine's taking it.
    private mutating func addStages(_ explanation: SignalExplanation, _ recorded: RecordedSignal) {
        let received = explanation.tick.isRefilled ? nil : explanation.decision.receiveMonotonic
        let start = received ?? explanation.taken
        func behind(_ time: MonotonicNanos?, _ note: String = "") -> String {
            guard let time else { return "not on record" }
            // What was written since the machine started anew has another clock.
            guard let start, time >= start else { return "after another start of the machine\(note)" }
            return "+\(time.nanos(since: start)) ns\(note)"
        }
        add("received", "received", received == nil ? "by no stream" : "+0 ns")
        add("taken", "taken by the engine", behind(explanation.taken))
        let note = recorded.sent.map { $0.isQueued ? " (queued)" : " (sent)" } ?? ""
        // The engine notes it when its send call has returned, and the reply may be there by then.
        let told = recorded.acknowledged?.at
        let sent = recorded.sent.map { sent in
            told.flatMap { told in start.map { told >= $0 && told < sent.at } } == true ? told ?? sent.at : sent.at
        }
        add("handedOver", "decided and handed over", behind(sent, note))
        add("acknowledged", "acknowledged by Redis", behind(told))
        add("entryId", "  entry", recorded.acknowledged?.entryID)
        add("stored", "stored", behind(recorded.storedAt))
    }

    /// Aligned lines.
    var text: String {
        var lines = fields.map { field in
            field.title + String(repeating: " ", count: max(1, 32 - field.title.count)) + field.value
        }
        for (index, row) in prices.enumerated() {
            let isShort = prices.count - index <= shortCount
            lines.append("\(isShort ? "short, long" : "long       ")  \(row.tick)  \(row.price)")
        }
        return lines.joined(separator: "\n")
    }

    /// One object; all values are texts, and none needs escaping: they are numbers, checked names and our own words.
    var json: String {
        var members = fields.map { "\"\($0.name)\":\"\($0.value)\"" }
        if !prices.isEmpty {
            let rows = prices.map { "{\"tickId\":\"\($0.tick)\",\"price\":\"\($0.price)\"}" }
            members.append("\"window\":[\(rows.joined(separator: ","))]")
        }
        return "{\(members.joined(separator: ","))}"
    }
}

extension TextCursor {
    /// A price or quantity as an exact decimal.
    static func fixedPoint(_ value: Int64, _ decimals: Int) -> String {
        text { $0.append(fixedPoint: value, decimals: decimals) }
    }

    /// A sum, or a multiple of one, as an exact decimal.
    static func sum(_ value: Int128, _ decimals: Int) -> String {
        text { $0.appendDecimal(negative: value < 0, magnitude: value.magnitude, decimals: decimals) }
    }
}
