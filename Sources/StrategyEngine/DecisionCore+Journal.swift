internal import Indicators
internal import Journal
public import RingBuffer
public import Telemetry
public import TradingModel

/// The core's state in a checkpoint, and the journal it writes to.
extension DecisionCore {
    /// Names the layout of everything below; rises with every change of it.
    static let checkpointLayout: UInt32 = 1

    /// Bytes that a checkpoint of a run takes at most, without its preface.
    public static func mostCheckpointBytes(_ catalog: MarketCatalog) -> Int {
        let (instruments, strategies) = (catalog.instruments.count, catalog.strategies.count)
        let windows = catalog.strategies.reduce(0) { $0 + $1.longPeriod } * instruments
        // Each tracker's fields, written one behind the other, are no longer than they lie in memory.
        let perInstrument =
            EngineCounters.kindCount * MemoryLayout<ContinuityTracker>.stride
            + KlineInterval.allCases.count * MemoryLayout<KlineTracker>.stride + MemoryLayout<PriceBand>.stride
        return 4_096 + mostFeeds * 16 + instruments * (perInstrument + strategies * StrategyState.mostCheckpointBytes)
            + windows * 8 + HeldStreams.mostCheckpointBytes(instrumentCount: instruments)
    }

    private var streamCount: Int { catalog.instruments.count * EngineCounters.kindCount }

    /// Takes a journal; each segment of it begins with a checkpoint.
    public mutating func attach(_ journal: consuming EngineJournal?) {
        self.journal = consume journal
        // The run's first checkpoint comes before anything is recorded.
        guard let last = self.journal?.lastSequence else { return }
        records.begin(at: RecordDetour.Place(sequence: last + 1, takenSlots: 0))
    }

    /// Whether there is a journal whose segment has no room for another batch.
    @usableFromInline
    var needsJournalSegment: Bool {
        mutating get {
            // All that waits may be released before there is another look.
            let waiting = isHolding ? heldTicks &* strategyCount : 0
            return journal?.hasRoom(besides: waiting) == false
        }
    }

    /// Puts on record what became of the tick's signal at `index`.
    @usableFromInline
    mutating func didPublish(_ index: Int, _ outcome: PublishOutcome, at now: MonotonicNanos) {
        guard let count = journal?.signalCount else { return }
        journal?.sent(count &- UInt64(signalCount - 1 - index), outcome, at: now)
    }

    /// Whether there is to be a checkpoint although the segment has room, see `EngineJournal.isAskedForCheckpoint`.
    @usableFromInline
    var isAskedForCheckpoint: Bool {
        mutating get { journal?.isAskedForCheckpoint == true }
    }

    /// Goes on in the journal's next segment, which begins with a checkpoint; false while none is ready. Between records.
    @usableFromInline
    mutating func advanceJournal() -> Bool {
        guard journal?.writer.advance() == true, let memory = journal?.writer.dataTail else { return false }
        var checkpoint = CheckpointWriter(memory)
        journal?.writePreface(to: &checkpoint)
        let lengthPosition = checkpoint.usedBytes
        checkpoint.write(UInt64(0))
        let start = checkpoint.usedBytes
        writeCheckpoint(to: &checkpoint)
        memory.storeBytes(of: UInt64(checkpoint.usedBytes - start), toByteOffset: lengthPosition, as: UInt64.self)
        journal?.writer.append(JournalEntry(kind: EngineEntryKind.checkpoint), placing: checkpoint.usedBytes)
        journal?.didWriteCheckpoint()
        return true
    }

    /// The state now, as a checkpoint without a preface; for those who replay. Allocates.
    public func checkpoint(signalCount: UInt64) -> EngineCheckpoint {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.mostCheckpointBytes(catalog), alignment: 8)
        defer { memory.deallocate() }
        var writer = CheckpointWriter(memory)
        writeCheckpoint(to: &writer)
        return EngineCheckpoint(
            preface: [], signalCount: signalCount, slotsTaken: [], state: Array(memory[..<writer.usedBytes]))
    }

    /// The prices in a strategy's long window, oldest first; for those who replay. Allocates.
    public func windowPrices(instrument: Int, strategy: Int) -> [Int64] {
        var prices: [Int64] = []
        states[instrument * strategyCount + strategy].window.withPrices { older, newer in
            prices = Array(older) + Array(newer)
        }
        return prices
    }

    /// Makes this core a replay's: requests for missing ids go nowhere, and whether they found room is told in advance.
    public mutating func play(asks: [Bool]) { played = asks }

    /// Writes records to `producer` from here on, beginning with what turns their monotonic times into wall-clock times.
    public mutating func attachRecords(_ producer: consuming RingProducer, capacitySlots: Int, metrics: MetricsRegistry)
    {
        records = RecordWriter(ring: producer, capacitySlots: capacitySlots, metrics: metrics)
        for feed in 0..<Self.mostFeeds where wallOffsets[feed] != 0 {
            records.append(
                record: SessionRecord(
                    event: .clockMoved, feed: UInt16(feed), connection: connections[feed] & ~Self.isClosed,
                    wallOffsetNanos: wallOffsets[feed], monotonic: MonotonicNanos(rawValue: 0)
                ).slot)
        }
    }

    /// Calls `body` with each signal of the record processed last, in order.
    public func forEachSignal(_ body: (Decision) -> Void) {
        for index in 0..<signalCount { body(signals[index]) }
    }

    /// Writes everything that later decisions depend on.
    private func writeCheckpoint(to checkpoint: inout CheckpointWriter) {
        checkpoint.write(Self.checkpointLayout)
        checkpoint.write(UInt32(catalog.instruments.count))
        checkpoint.write(UInt32(strategyCount))
        checkpoint.write(timerNanos)
        checkpoint.write(plain: wallOffsets, count: Self.mostFeeds)
        checkpoint.write(plain: connections, count: Self.mostFeeds)
        checkpoint.write(trackers, count: streamCount)
        checkpoint.write(klineTrackers, count: catalog.instruments.count * intervalCount)
        checkpoint.write(bands, count: catalog.instruments.count)
        for index in 0..<catalog.instruments.count * strategyCount { states[index].write(to: &checkpoint) }
        holds.write(to: &checkpoint)
    }

    /// Takes over the state of a checkpoint; before anything was processed.
    ///
    /// - Parameters:
    ///   - instruments: for each of the checkpoint's instruments its index here, nil where it is none any more.
    ///   - strategies: the same for its strategies.
    /// - Returns: false, and nothing changed, where it was written with another layout or is not whole.
    public mutating func restore(
        _ checkpoint: EngineCheckpoint, instruments: [Int?], strategies: [Int?]
    ) -> Bool {
        guard let parts = CheckpointParts(checkpoint.state, intervalCount: intervalCount),
            parts.instrumentCount == instruments.count, parts.strategyCount == strategies.count
        else { return false }
        timerNanos = parts.timerNanos
        holds.requestCount = parts.holds.requestCount
        for feed in 0..<Self.mostFeeds {
            wallOffsets[feed] = parts.wallOffsets[feed]
            connections[feed] = parts.connections[feed]
        }
        for (old, new) in instruments.enumerated() {
            guard let new else { continue }
            for kind in 0..<EngineCounters.kindCount {
                trackers[new * EngineCounters.kindCount + kind] = parts.trackers[old * EngineCounters.kindCount + kind]
            }
            for interval in 0..<intervalCount {
                klineTrackers[new * intervalCount + interval] = parts.klineTrackers[old * intervalCount + interval]
            }
            bands[new] = parts.bands[old]
            holds.restore(parts.holds, of: old, as: new)
            for (oldStrategy, newStrategy) in strategies.enumerated() {
                guard let newStrategy else { continue }
                states[new * strategyCount + newStrategy].restore(parts.states[old * strategies.count + oldStrategy])
            }
        }
        return true
    }
}

/// A checkpoint's values, checked for completeness.
private struct CheckpointParts {
    let instrumentCount: Int
    let strategyCount: Int
    let timerNanos: UInt64
    let wallOffsets: [Int64]
    let connections: [UInt64]
    let trackers: [ContinuityTracker]
    let klineTrackers: [KlineTracker]
    let bands: [PriceBand]
    var states: [StrategyState.Saved] = []
    let holds: HeldStreams.Saved

    init?(_ bytes: [UInt8], intervalCount: Int) {
        var reader = CheckpointReader(bytes)
        guard reader.read(UInt32.self) == DecisionCore.checkpointLayout, let instruments = reader.read(UInt32.self),
            let strategies = reader.read(UInt32.self),
            let timerNanos = reader.read(UInt64.self),
            let wallOffsets = reader.read(plain: Int64.self, count: DecisionCore.mostFeeds),
            let connections = reader.read(plain: UInt64.self, count: DecisionCore.mostFeeds),
            let trackers = reader.read(
                ContinuityTracker.self, count: Int(instruments) * EngineCounters.kindCount),
            let klineTrackers = reader.read(KlineTracker.self, count: Int(instruments) * intervalCount),
            let bands = reader.read(PriceBand.self, count: Int(instruments))
        else { return nil }
        instrumentCount = Int(instruments)
        strategyCount = Int(strategies)
        self.timerNanos = timerNanos
        self.wallOffsets = wallOffsets
        self.connections = connections
        self.trackers = trackers
        self.klineTrackers = klineTrackers
        self.bands = bands
        for _ in 0..<instrumentCount * strategyCount {
            guard let state = StrategyState.Saved(from: &reader) else { return nil }
            states.append(state)
        }
        guard let holds = HeldStreams.Saved(instrumentCount: instrumentCount, from: &reader), reader.isAtEnd else {
            return nil
        }
        self.holds = holds
    }
}
