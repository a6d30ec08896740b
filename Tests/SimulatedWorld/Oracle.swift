import TradingModel

/// A plain reference: reads the exchange's ledger and says what store and stream must hold at the end of a run.
public struct Oracle {
    /// Ids that a connection delivered whole, in the order they were sent.
    public typealias Delivery = [(instrument: Int, id: UInt64)]

    private let market: SimulatedMarket
    private let documents: SimulatedDocuments
    private let catalog: MarketCatalog
    /// What was found wrong; empty for a run that kept the promise.
    public private(set) var breaches: [String] = []
    /// Signals that had to be there.
    public private(set) var expectedSignals = 0
    /// Ids in holes that stayed.
    public private(set) var missingIDs = 0
    /// Ids that came late, from the history or another connection.
    public private(set) var refilledIDs = 0

    /// Of one run.
    public init(market: SimulatedMarket, documents: SimulatedDocuments, catalog: MarketCatalog) {
        self.market = market
        self.documents = documents
        self.catalog = catalog
    }

    /// Compares all with all.
    ///
    /// - Parameters:
    ///   - entries: the stream's, in order.
    ///   - deliveries: by connection.
    public mutating func check(entries: [[String: String]], deliveries: [Delivery]) {
        breaches += documents.conflicts.map { "stored twice with other contents: \($0)" }
        var expected: Set<String> = []
        for instrument in market.symbols.indices {
            checkTicks(instrument)
            for signal in signals(of: instrument) {
                let id = catalog.identifier(of: signal)
                expected.insert(id)
                checkDecision(signal, id)
            }
        }
        expectedSignals = expected.count
        for (id, decision) in documents.decisions where decision.isSignal && !expected.contains(id) {
            breaches.append("stored signal \(id) is none")
        }
        check(entries, expected)
        var ways: [SimulatedDocuments.Key: Int] = [:]
        for item in deliveries.joined() {
            ways[SimulatedDocuments.Key(instrument: UInt32(item.instrument), id: item.id), default: 0] += 1
        }
        for delivery in deliveries { check(delivery, ways) }
    }

    // MARK: ticks

    /// From the first stored id on each id of the ledger is stored as it was traded, or lies in one gap record.
    private mutating func checkTicks(_ instrument: Int) {
        let name = market.symbols[instrument]
        var (stored, holes) = (0, 0)
        var first: UInt64?
        for trade in market.trades[instrument] {
            let key = SimulatedDocuments.Key(instrument: UInt32(instrument), id: trade.id)
            if let tick = documents.ticks[key] {
                first = first ?? trade.id
                stored += 1
                if tick.flags & TickFlags.refilled.rawValue != 0 { refilledIDs += 1 }
                if tick.price != trade.price || tick.exchangeTimeNanos != trade.timeMicros * 1_000 {
                    breaches.append("\(name) \(trade.id) is stored with other numbers")
                }
                if isInGap(key) { breaches.append("\(name) \(trade.id) is stored and in a gap") }
            } else if first != nil {
                holes += 1
                if !isInGap(key) { breaches.append("\(name) \(trade.id) is lost silently") }
            }
        }
        missingIDs += holes
        let kept = documents.ticks.keys.count { Int($0.instrument) == instrument }
        if kept != stored { breaches.append("\(name): \(kept - stored) stored ticks were never traded") }
        if first == nil { breaches.append("\(name): nothing is stored") }
        if let last = market.trades[instrument].last,
            documents.ticks[SimulatedDocuments.Key(instrument: UInt32(instrument), id: last.id)] == nil
        {
            breaches.append("\(name): the last trade \(last.id) is not stored")
        }
    }

    private func isInGap(_ key: SimulatedDocuments.Key) -> Bool {
        documents.gaps.values.contains {
            $0.instrument == key.instrument && !$0.isRefilled && ($0.firstID...$0.lastID).contains(key.id)
        }
    }

    /// What came before a trade that was taken from the same connection was there to be taken. Which connection a trade was
    /// taken from is known where one alone delivered it.
    private mutating func check(_ delivery: Delivery, _ ways: [SimulatedDocuments.Key: Int]) {
        for instrument in market.symbols.indices {
            var highest: UInt64 = 0
            // Sent behind a higher id it came too late, by the exchange's doing.
            var inOrder: [UInt64] = []
            for item in delivery where item.instrument == instrument && item.id > highest {
                inOrder.append(item.id)
                highest = item.id
            }
            let isLive: (UInt64) -> Bool = { [documents] id in
                let tick = documents.ticks[SimulatedDocuments.Key(instrument: UInt32(instrument), id: id)]
                return tick.map { $0.flags & TickFlags.refilled.rawValue == 0 } ?? false
            }
            let isTaken: (UInt64) -> Bool = { id in
                isLive(id) && ways[SimulatedDocuments.Key(instrument: UInt32(instrument), id: id)] == 1
            }
            guard let last = inOrder.lastIndex(where: isTaken), let first = inOrder.firstIndex(where: isTaken) else {
                continue
            }
            for id in inOrder[first...last] where !isLive(id) {
                breaches.append(
                    "\(market.symbols[instrument]) \(id) was delivered on a living connection and not taken")
            }
        }
    }

    // MARK: signals

    /// The rule of crossings, recomputed over whole windows of what is stored.
    private mutating func signals(of instrument: Int) -> [Decision] {
        let parameters = catalog.strategies[0]
        var window: [Int64] = []
        var previous: UInt64?
        var (lastSign, signBeforeGap) = (0, 0)
        var signals: [Decision] = []
        for key in documents.ticks.keys.filter({ Int($0.instrument) == instrument }).sorted() {
            guard let tick = documents.ticks[key] else { continue }
            if let previous, key.id != previous + 1 {
                let hole = documents.gaps[SimulatedDocuments.Key(instrument: key.instrument, id: previous + 1)]
                if hole?.isRefilled == true || hole?.lastID != key.id - 1 {
                    breaches.append("\(market.symbols[instrument]): the hole before \(key.id) has no record of its own")
                }
                window = []
                (signBeforeGap, lastSign) = (lastSign != 0 ? lastSign : signBeforeGap, 0)
            }
            previous = key.id
            window.append(tick.price)
            guard window.count >= parameters.longPeriod else { continue }
            let long = window.suffix(parameters.longPeriod).reduce(Int128(0)) { $0 + Int128($1) }
            let short = window.suffix(parameters.shortPeriod).reduce(Int128(0)) { $0 + Int128($1) }
            let difference = short * Int128(parameters.longPeriod) - long * Int128(parameters.shortPeriod)
            let sign = difference.signum() == 0 ? 0 : difference > 0 ? 1 : -1
            guard sign != 0 else { continue }
            var reason: DecisionReason?
            if lastSign == 0 {
                if signBeforeGap != 0, signBeforeGap != sign { reason = .gap }
            } else if sign != lastSign {
                reason = .cross
            }
            (lastSign, signBeforeGap) = (sign, 0)
            guard let reason else { continue }
            signals.append(
                Decision(
                    instrument: key.instrument, strategy: 0, side: sign > 0 ? .buy : .sell, reason: reason,
                    tickID: tick.id, price: tick.price, shortSum: short, longSum: long,
                    exchangeTime: UnixNanos(rawValue: tick.exchangeTimeNanos),
                    receiveTime: UnixNanos(rawValue: 0), receiveMonotonic: MonotonicNanos(rawValue: 0)))
        }
        return signals
    }

    private mutating func checkDecision(_ signal: Decision, _ id: String) {
        guard let stored = documents.decisions[id] else {
            return breaches.append("signal \(id) is not in the store")
        }
        let isSame =
            (stored.side, stored.reason, stored.price) == (signal.side, signal.reason, signal.price)
            && (stored.shortSum, stored.longSum) == (signal.shortSum, signal.longSum)
        if !isSame { breaches.append("signal \(id) is stored with other numbers") }
    }

    /// Each expected signal once, nothing else, and those of an instrument in the order of their ticks.
    private mutating func check(_ entries: [[String: String]], _ expected: Set<String>) {
        var seen: Set<String> = []
        var newest: [String: UInt64] = [:]
        for entry in entries {
            guard let id = entry["id"], let symbol = entry["symbol"], let tick = entry["tickId"].flatMap({ UInt64($0) })
            else {
                breaches.append("an entry of the stream lacks fields: \(entry)")
                continue
            }
            if !seen.insert(id).inserted { breaches.append("signal \(id) is doubled in the stream") }
            if !expected.contains(id) { breaches.append("signal \(id) of the stream is none") }
            if let before = newest[symbol], before > tick { breaches.append("signal \(id) is out of order") }
            newest[symbol] = tick
            check(entry, id)
        }
        for id in expected.subtracting(seen).sorted() { breaches.append("signal \(id) is not in the stream") }
    }

    private mutating func check(_ entry: [String: String], _ id: String) {
        guard let decision = documents.decisions[id] else { return }
        let parameters = catalog.strategies[0]
        let decimals = catalog.instruments[Int(decision.instrument)].priceDecimals
        let short = TextCursor.text {
            $0.append(averageOf: decision.shortSum, count: parameters.shortPeriod, decimals: decimals)
        }
        let long = TextCursor.text {
            $0.append(averageOf: decision.longSum, count: parameters.longPeriod, decimals: decimals)
        }
        if entry["shortSMA"] != short || entry["longSMA"] != long || entry["signal"] != "\(decision.side.name)" {
            breaches.append("signal \(id) is in the stream with other numbers")
        }
    }
}
