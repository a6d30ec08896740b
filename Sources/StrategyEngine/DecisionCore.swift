public import RingBuffer
public import Telemetry
public import TradingModel

/// Everything between an incoming tick and the decisions it makes, without threads, clocks or sinks.
///
/// Deterministic: the same records in the same order give the same decisions. One thread at a time. All memory is taken
/// at creation.
public struct DecisionCore: ~Copyable {
    /// The most strategies one run may have: each can make one signal of a tick.
    public static let mostStrategies = 16
    /// The most feeds one run may have.
    public static let mostFeeds = 256

    /// Signals of the tick processed last; valid until the next call.
    @usableFromInline let signals: UnsafeMutablePointer<Decision>
    @usableFromInline private(set) var signalCount = 0

    private let catalog: MarketCatalog
    /// Strategies, hence the most signals of one tick.
    @usableFromInline let strategyCount: Int
    private let states: UnsafeMutablePointer<StrategyState>
    private let trackers: UnsafeMutablePointer<ContinuityTracker>
    private let averageSources: UnsafeMutablePointer<UInt8>
    private let wallOffsets: UnsafeMutablePointer<Int64>
    private let connections: UnsafeMutablePointer<UInt64>
    private var records: RecordWriter
    private let counters: EngineCounters

    /// Creates the state of every (instrument, strategy) pair of `catalog`.
    public init(
        catalog: MarketCatalog, records ring: consuming RingProducer?, recordCapacitySlots: Int,
        metrics: MetricsRegistry
    ) {
        precondition((1...Self.mostStrategies).contains(catalog.strategies.count), "1 to 16 strategies")
        self.catalog = catalog
        strategyCount = catalog.strategies.count
        let instrumentCount = catalog.instruments.count
        states = .allocate(capacity: instrumentCount * strategyCount)
        for instrument in 0..<instrumentCount {
            for (strategy, parameters) in catalog.strategies.enumerated() {
                (states + instrument * strategyCount + strategy).initialize(
                    to: StrategyState(
                        instrument: UInt32(instrument), strategy: UInt16(strategy), parameters: parameters))
            }
        }
        trackers = .allocate(capacity: instrumentCount * EngineCounters.kindCount)
        trackers.initialize(repeating: ContinuityTracker(), count: instrumentCount * EngineCounters.kindCount)
        averageSources = .allocate(capacity: instrumentCount)
        for (index, specification) in catalog.instruments.enumerated() {
            averageSources[index] = specification.averageSource.rawValue
        }
        wallOffsets = .allocate(capacity: Self.mostFeeds)
        wallOffsets.initialize(repeating: 0, count: Self.mostFeeds)
        connections = .allocate(capacity: Self.mostFeeds)
        connections.initialize(repeating: 0, count: Self.mostFeeds)
        signals = .allocate(capacity: Self.mostStrategies)
        records = RecordWriter(ring: ring, capacitySlots: recordCapacitySlots, metrics: metrics)
        counters = EngineCounters(catalog: catalog, metrics: metrics)
    }

    deinit {
        let instrumentCount = catalog.instruments.count
        states.deinitialize(count: instrumentCount * strategyCount)
        states.deallocate()
        trackers.deallocate()
        averageSources.deallocate()
        wallOffsets.deallocate()
        connections.deallocate()
        signals.deallocate()
    }

    /// Takes over the newest published signals, for states that are still warming.
    public mutating func adopt(_ signs: [PublishedSign]) {
        for sign in signs where Int(sign.instrument) < catalog.instruments.count && Int(sign.strategy) < strategyCount {
            states[Int(sign.instrument) * strategyCount + Int(sign.strategy)].adopt(sign)
        }
    }

    // hot path (HotPathTests)
    /// Takes one record of a feed's ring and returns whether it was a price the strategies evaluated.
    ///
    /// Signals are then in `signals`. O(strategies), no allocation.
    public mutating func process(_ record: borrowing Tick) -> Bool {
        signalCount = 0
        guard let kind = EngineCounters.kindIndex(record.kind) else {
            processSession(record)
            return false
        }
        let instrument = Int(record.instrument)
        let stream = instrument * EngineCounters.kindCount + kind
        let feed = Int(record.feed)
        let isContiguous = record.kind != RecordKind.quote.rawValue
        let previousTimeNanos = trackers[stream].lastTimeNanos
        let previousConnection = trackers[stream].connection
        // The feed in the upper bits: two feeds' connection numbers are not the same connection.
        let connection = connections[feed] | UInt64(feed) << 48
        let continuity = trackers[stream].accept(record, isContiguous: isContiguous, connection: connection)
        if continuity == .repeated || continuity == .implausible {
            (continuity == .repeated ? counters.repeated : counters.implausible)[stream].addFromOnlyWriter()
            return false
        }
        let isAverageSource = record.kind == averageSources[instrument]
        if case .hole(let firstID) = continuity {
            let cause: GapCause = previousConnection == connection ? .skipped : .reconnect
            recordGap(record, stream: stream, firstID: firstID, beforeTimeNanos: previousTimeNanos, cause: cause)
            if isAverageSource { breakRuns(of: instrument) }
        }
        counters.accepted[stream].addFromOnlyWriter()
        records.append(tick: record)
        guard isAverageSource, record.flags & TickFlags.noPrice.rawValue == 0 else { return false }
        evaluate(record, instrument: instrument, wallOffsetNanos: wallOffsets[feed])
        return true
    }

    /// Ends a batch: what was recorded becomes visible to the store writer.
    public mutating func publishRecords() { records.publish() }

    private mutating func evaluate(_ tick: borrowing Tick, instrument: Int, wallOffsetNanos: Int64) {
        let receiveTime = UnixNanos(rawValue: Int64(bitPattern: tick.receiveMonotonicNanos) &+ wallOffsetNanos)
        for strategy in 0..<strategyCount {
            guard let decision = states[instrument * strategyCount + strategy].evaluate(tick, receiveTime: receiveTime)
            else { continue }
            records.append(decision: decision)
            counters.count(decision, instrument: instrument)
            if decision.isSignal {
                (signals + signalCount).initialize(to: decision)
                signalCount += 1
            }
        }
    }

    private mutating func processSession(_ record: borrowing Tick) {
        guard let session = SessionRecord(slot: copy record), Int(session.feed) < Self.mostFeeds else { return }
        wallOffsets[Int(session.feed)] = session.wallOffsetNanos
        connections[Int(session.feed)] = session.connection
        records.append(record: copy record)
    }

    private mutating func recordGap(
        _ tick: borrowing Tick, stream: Int, firstID: UInt64, beforeTimeNanos: Int64, cause: GapCause
    ) {
        guard let kind = RecordKind(rawValue: tick.kind) else { return }
        let gap = GapRecord(
            instrument: tick.instrument, kind: kind, firstID: firstID, lastID: tick.id - 1, cause: cause,
            feed: tick.feed, beforeTimeNanos: beforeTimeNanos, afterTimeNanos: tick.exchangeTimeNanos,
            noticed: MonotonicNanos(rawValue: tick.receiveMonotonicNanos))
        counters.gaps[stream].addFromOnlyWriter()
        counters.missing[stream].addFromOnlyWriter(gap.missingCount)
        records.append(record: gap.slot)
    }

    private mutating func breakRuns(of instrument: Int) {
        for strategy in 0..<strategyCount { states[instrument * strategyCount + strategy].breakRun() }
    }
}
