import TradingModel

/// A plain reference: reads the exchange's ledger and says what store and stream must hold at the end of a run.
public struct Oracle {
    /// Ids that a connection delivered whole, in the order they were sent.
    public typealias Delivery = [(instrument: Int, id: UInt64)]

    /// What one kill could take, or the store had to do without, because some of the journal was in memory while the disk
    /// refused: by instrument, ids from `from`, in front of which all was on disk and stored, up to `upTo`, the newest there was.
    ///
    /// The next life may lack the state that these ids led to, so that it finds a hole there, which has a record, or decides on
    /// what is refilled anew. The store may lack as many of their records as the product counts; and where it counts any, which
    /// may have been a hole's, the stream may lack what it did not have by then. Everything else holds for them as well: what is
    /// stored and signalled is right, once, and no signal comes from a window with a hole in it.
    public struct Forgettable {
        let from: [UInt64]
        let upTo: [UInt64]

        /// One entry for each instrument.
        public init(from: [UInt64], upTo: [UInt64]) {
            self.from = from
            self.upTo = upTo
        }
    }

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

    /// Ids that a kill took out of memory.
    public private(set) var unstoredIDs = 0
    private var forgettable: [Forgettable] = []
    private var countedSlots: UInt64 = 0
    private var noticedTwice: Set<SimulatedDocuments.GapKey> = []

    /// Of one run.
    public init(market: SimulatedMarket, documents: SimulatedDocuments, catalog: MarketCatalog) {
        self.market = market
        self.documents = documents
        self.catalog = catalog
    }

    /// Compares all with all.
    ///
    /// - Parameters:
    ///   - ledger: the stream's.
    ///   - deliveries: by connection.
    ///   - forgettable: one for each kill of a process that had some of its journal in memory, and each time such a one says
    ///     that its store lacks records.
    ///   - countedSlots: of how many it says so.
    public mutating func check(
        ledger: StreamLedger, deliveries: [Delivery], forgettable: [Forgettable], countedSlots: UInt64
    ) {
        self.forgettable = forgettable
        self.countedSlots = countedSlots
        breaches += documents.conflicts.map { "stored twice with other contents: \($0)" }
        noticedTwice = documents.noticedTwice
        for key in noticedTwice where !isForgettable(Int(key.instrument), key.firstID) {
            breaches.append("a hole is stored as refilled and as not: \(key)")
        }
        var possible: [String: PossibleSignal] = [:]
        for instrument in market.symbols.indices {
            checkTicks(instrument)
            for signal in signals(of: instrument) {
                let id = catalog.identifier(of: signal.decision)
                possible[id] = signal
                checkDecision(signal, id)
            }
        }
        if unstoredIDs > countedSlots {
            breaches.append("\(unstoredIDs) trades are not stored, of which the product counts \(countedSlots)")
        }
        expectedSignals = possible.values.count { $0.isRequired }
        for (id, decision) in documents.decisions where decision.isSignal && possible[id] == nil {
            breaches.append("stored signal \(id) is none")
        }
        check(ledger, possible)
        var ways: [SimulatedDocuments.Key: Int] = [:]
        for item in deliveries.joined() {
            ways[SimulatedDocuments.Key(instrument: UInt32(item.instrument), id: item.id), default: 0] += 1
        }
        for delivery in deliveries { check(delivery, ways) }
    }

    private func isForgettable(_ instrument: Int, _ id: UInt64) -> Bool {
        forgettable.contains { id >= $0.from[instrument] && id <= $0.upTo[instrument] }
    }

    /// Whether it is not known what became of it: the product says that records are lost, and this may be one.
    private func isUnknown(_ instrument: Int, _ id: UInt64) -> Bool {
        countedSlots > 0 && isForgettable(instrument, id)
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
                if isInGap(key), !isForgettable(instrument, trade.id) {
                    breaches.append("\(name) \(trade.id) is stored and in a gap")
                }
            } else if first != nil, isInGap(key) {
                holes += 1
            } else if first != nil {
                unstoredIDs += 1
                if !isForgettable(instrument, trade.id) { breaches.append("\(name) \(trade.id) is lost silently") }
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
            $0.instrument == key.instrument && (!$0.isRefilled || noticedTwice.contains(documents.key(of: $0)))
                && ($0.firstID...$0.lastID).contains(key.id)
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
            for id in inOrder[first...last] where !isLive(id) && !isForgettable(instrument, id) {
                breaches.append(
                    "\(market.symbols[instrument]) \(id) was delivered on a living connection and not taken")
            }
        }
    }

    // MARK: signals

    private mutating func checkDecision(_ signal: PossibleSignal, _ id: String) {
        guard let stored = documents.decisions[id] else {
            return signal.isRequired ? breaches.append("signal \(id) is not in the store") : ()
        }
        let isSame =
            (stored.side, stored.reason, stored.price)
            == (signal.decision.side, signal.decision.reason, signal.decision.price)
            && (stored.shortSum, stored.longSum) == (signal.decision.shortSum, signal.decision.longSum)
        if !isSame { breaches.append("signal \(id) is stored with other numbers") }
    }

    /// Each required signal was added once, nothing that is none, and those of an instrument in the order of their ticks.
    private mutating func check(_ ledger: StreamLedger, _ possible: [String: PossibleSignal]) {
        var seen: Set<String> = []
        var newest: [String: UInt64] = [:]
        for entry in ledger.appended {
            guard let id = entry["id"], let symbol = entry["symbol"], let tick = entry["tickId"].flatMap({ UInt64($0) })
            else {
                breaches.append("an entry of the stream lacks fields: \(entry)")
                continue
            }
            let isRepeat = !seen.insert(id).inserted
            let isInRange = market.symbols.firstIndex(of: symbol).map { isForgettable($0, tick) } ?? false
            // What neither the journal nor the stream has any more is decided anew.
            let mayComeAgain = ledger.mayComeAgain.contains(id) || isInRange && ledger.removed.contains(id)
            if isRepeat, !mayComeAgain { breaches.append("signal \(id) is doubled in the stream") }
            let mayBeLate = isRepeat || isInRange
            if let before = newest[symbol], before > tick, !mayBeLate {
                breaches.append("signal \(id) is out of order")
            }
            newest[symbol] = max(newest[symbol] ?? 0, tick)
            guard let signal = possible[id] else {
                breaches.append("signal \(id) of the stream is none")
                continue
            }
            check(entry, signal, id)
        }
        seen.formUnion(ledger.removedBeforeLoss)
        for (id, signal) in possible.sorted(by: { $0.key < $1.key }) where signal.isRequired && !seen.contains(id) {
            breaches.append("signal \(id) is not in the stream")
        }
    }

    private mutating func check(_ entry: [String: String], _ signal: PossibleSignal, _ id: String) {
        let decision = signal.decision
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

    /// The rule of crossings, recomputed over whole windows of the ledger, for every way in which the ids can have been taken.
    private mutating func signals(of instrument: Int) -> [PossibleSignal] {
        let parameters = catalog.strategies[0]
        let trades = market.trades[instrument]
        var views: Set<SignalView> = [SignalView()]
        var signals: [PossibleSignal] = []
        var holeStart: UInt64?
        let begin = trades.firstIndex {
            documents.ticks[SimulatedDocuments.Key(instrument: UInt32(instrument), id: $0.id)] != nil
        }
        for index in (begin ?? trades.count)..<trades.count {
            let id = trades[index].id
            let key = SimulatedDocuments.Key(instrument: UInt32(instrument), id: id)
            let (isStored, isInGap, isUnknown) = (
                documents.ticks[key] != nil, isInGap(key), isUnknown(instrument, id)
            )
            let withHole = isStored && !isInGap && !isUnknown ? [] : views.map { $0.broken() }
            guard isStored || isUnknown else {
                holeStart = holeStart ?? id
                views = Set(withHole)
                continue
            }
            if let start = holeStart { checkHole(instrument, start, id - 1) }
            holeStart = nil
            let window = trades[max(0, index + 1 - parameters.longPeriod)...index].map(\.price)
            let long = window.reduce(Int128(0)) { $0 + Int128($1) }
            let short = window.suffix(parameters.shortPeriod).reduce(Int128(0)) { $0 + Int128($1) }
            let difference = short * Int128(parameters.longPeriod) - long * Int128(parameters.shortPeriod)
            let sign = Int(difference.signum())
            var after = Set(withHole)
            var outcomes: Set<DecisionReason?> = []
            for var view in views {
                outcomes.insert(view.take(sign: sign, longPeriod: parameters.longPeriod))
                after.insert(view)
            }
            views = after
            for case let reason? in outcomes {
                let decision = Decision(
                    instrument: key.instrument, strategy: 0, side: sign > 0 ? .buy : .sell, reason: reason, tickID: id,
                    price: trades[index].price, shortSum: short, longSum: long,
                    exchangeTime: UnixNanos(rawValue: trades[index].timeMicros * 1_000),
                    receiveTime: UnixNanos(rawValue: 0), receiveMonotonic: MonotonicNanos(rawValue: 0))
                let isRequired = !isUnknown && outcomes.count == 1
                signals.append(PossibleSignal(decision: decision, isRequired: isRequired))
            }
        }
        return signals
    }

    /// A hole that no kill has to do with has one record of its own.
    private mutating func checkHole(_ instrument: Int, _ first: UInt64, _ last: UInt64) {
        let key = SimulatedDocuments.GapKey(instrument: UInt32(instrument), firstID: first, lastID: last)
        guard documents.gaps[key]?.isRefilled != false else { return }
        if isForgettable(instrument, first - 1) || isForgettable(instrument, last + 1) { return }
        breaches.append("\(market.symbols[instrument]): the hole before \(last + 1) has no record of its own")
    }
}
