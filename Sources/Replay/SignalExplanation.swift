public import Journal
internal import StrategyEngine
public import TradingModel

/// One price of a window.
public struct WindowPrice: Sendable, Equatable {
    /// At the instrument's price scale.
    public var price: Int64
    /// Its tick; nil where it stands in a checkpoint and the journal no longer holds the tick.
    public var tickID: UInt64?
}

/// Why a signal was decided: what the engine had before it, found again by playing the journal.
public struct SignalExplanation: Sendable {
    /// The run's instruments and strategies, which the decision's indices mean.
    public let catalog: MarketCatalog
    /// The signal as the replay decided it, equal to what is on record.
    public let decision: Decision
    /// The tick it was decided on.
    public let tick: Tick
    /// The tick's feed, by its exchange and its streams, and the number of its connection.
    public let feed: String
    /// Counts that feed's connections from 1.
    public let connection: UInt64
    /// The long window at the decision, oldest first; the short one is its end. Their sums are the decision's.
    public let window: [WindowPrice]
    /// When the engine took the tick; nil where the process ended before it did and the next one took it at its start.
    public let taken: MonotonicNanos?

    /// Plays the journal from the last checkpoint in front of the signal, and from earlier ones as long as the window holds
    /// prices of which a checkpoint has no tick. O(records played).
    ///
    /// - Throws: `ReplayError`; `diverged` also where what is decided again is not what is on record.
    public static func of(
        _ id: SignalIdentifier, _ recorded: RecordedSignal, in folder: JournalFolder
    ) throws(ReplayError) -> SignalExplanation {
        let segments = (folder.chains[JournalChain(.engine)] ?? []).map(\.segment).filter { $0 <= recorded.segment }
        var best: SignalExplanation?
        for segment in segments.reversed() {
            do throws(ReplayError) {
                var search = WindowSearch(id, recorded)
                best = try search.play(folder, from: segment) ?? best
            } catch {
                // Further back the feeds' bytes are recycled already, or entries were never on disk.
                guard best != nil, error.isForMissingInput else { throw error }
                break
            }
            if best?.window.allSatisfy({ $0.tickID != nil }) == true { break }
        }
        guard let best else {
            throw .diverged(path: folder.path, sequence: recorded.sequence, reason: "\(id.text) was not decided again")
        }
        return best
    }
}

/// Follows one strategy's window through a replay up to the signal.
private struct WindowSearch {
    let id: SignalIdentifier
    let recorded: RecordedSignal
    private var pair: (instrument: Int, strategy: Int)?
    private var catalog: MarketCatalog?
    private var window: [WindowPrice] = []
    private var found: (decision: Decision, tick: Tick, connection: UInt64, window: [WindowPrice])?
    private var last: (tick: Tick, connection: UInt64)?

    init(_ id: SignalIdentifier, _ recorded: RecordedSignal) {
        self.id = id
        self.recorded = recorded
    }

    mutating func play(_ folder: JournalFolder, from segment: UInt64) throws(ReplayError) -> SignalExplanation? {
        var player = JournalPlayer(folder: folder, from: segment)
        var tap = RecordTap(&player)
        var description: RunDescription?
        while try tap.step(&player, { take($0) }, signal: { _ in }) {
            if let found, let catalog, let description {
                return try explanation(found, catalog, description, taken: tap.hasChangedRun ? nil : player.takenAt)
            }
            guard tap.hasChangedRun, let next = player.catalog else { continue }
            (catalog, description, pair) = (next, player.description, id.pair(in: next))
            guard let pair else { continue }
            let prices = player.windowPrices(instrument: pair.instrument, strategy: pair.strategy)
            trim(to: next.strategies[pair.strategy].longPeriod)
            if prices != window.map(\.price) { window = prices.map { WindowPrice(price: $0, tickID: nil) } }
        }
        return nil
    }

    private mutating func take(_ record: ReplayedRecord) {
        guard found == nil, let catalog, let pair else { return }
        let source = catalog.instruments[pair.instrument].averageSource
        switch record {
        case .gap(let stored):
            let gap = stored.gap
            if gap.instrument == pair.instrument, gap.kind == source, !gap.isRefilled { window = [] }
        case .tick(let tick, _, let connection):
            guard tick.instrument == pair.instrument, tick.kind == source.rawValue,
                tick.flags & TickFlags.noPrice.rawValue == 0
            else { return }
            window.append(WindowPrice(price: tick.price, tickID: tick.id))
            last = (tick, connection)
            let period = catalog.strategies[pair.strategy].longPeriod
            if window.count > 2 * period { trim(to: period) }
        case .book, .kline: break
        case .decision(let decision):
            guard Int(decision.instrument) == pair.instrument, Int(decision.strategy) == pair.strategy,
                id.names(decision), let last, last.tick.id == decision.tickID
            else { return }
            trim(to: catalog.strategies[pair.strategy].longPeriod)
            found = (decision, last.tick, last.connection, window)
        }
    }

    private mutating func trim(to period: Int) { window.removeFirst(max(0, window.count - period)) }

    private func explanation(
        _ found: (decision: Decision, tick: Tick, connection: UInt64, window: [WindowPrice]), _ catalog: MarketCatalog,
        _ description: RunDescription, taken: MonotonicNanos?
    ) throws(ReplayError) -> SignalExplanation {
        let periods = catalog.strategies[Int(found.decision.strategy)]
        func sum(_ count: Int) -> Int128 { found.window.suffix(count).reduce(0) { $0 + Int128($1.price) } }
        guard sum(periods.shortPeriod) == found.decision.shortSum, sum(periods.longPeriod) == found.decision.longSum,
            found.decision.content == recorded.decision.content
        else {
            throw .diverged(path: "the journal", sequence: recorded.sequence, reason: "other sums than were recorded")
        }
        return SignalExplanation(
            catalog: catalog, decision: found.decision, tick: found.tick,
            feed: description.feedName(Int(found.tick.feed)), connection: found.connection, window: found.window,
            taken: taken)
    }
}

extension Decision {
    /// What a decision says, without the run's numbers of instrument and strategy.
    fileprivate var content: [Int128] {
        [Int128(side.rawValue), Int128(price), shortSum, longSum, Int128(tickID), Int128(exchangeTime.rawValue)]
    }
}

extension RunDescription {
    /// Exchange and streams of a feed.
    fileprivate func feedName(_ index: Int) -> String {
        guard feeds.indices.contains(index) else { return "\(index)" }
        return "\(index) (\(feeds[index].exchange): \(feeds[index].streams.joined(separator: ", ")))"
    }
}
