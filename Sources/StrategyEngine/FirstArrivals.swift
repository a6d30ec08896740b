internal import Telemetry
internal import TradingModel

/// When, and by which feed, the last ids of each stream came that several feeds deliver.
///
/// An id's place follows from its low bits, so each call is O(1). Nothing is decided by it, and no checkpoint holds it: of
/// ids around a restart nobody is told who was first. Engine's thread. All memory is taken at creation and has a bound
/// whatever the number of streams: 24 MiB, which up to 256 streams do not share; 32,768, which is what the most feeds that a
/// run may have can double, remember 32 ids each. An id that gives way to a later one too early is counted.
struct FirstArrivals: ~Copyable {
    // hot path (HotPathTests)
    /// Most ids remembered of a stream: one feed may be 4 s behind the other at 1,000 ticks a second. With 24 bytes each they
    /// are 96 KiB.
    static let mostIDs = 4_096
    /// Ids remembered of all streams together.
    static let mostTotalIDs = 1 << 20
    /// In the place of a feed: nothing was received yet, or the second arrival is on record.
    private static let nobody = UInt16.max

    private struct Arrival {
        var id: UInt64 = 0
        var receiveMonotonicNanos: UInt64 = 0
        var feed = FirstArrivals.nobody
    }

    /// Whether there is any such stream.
    let isUsed: Bool
    /// Ids remembered of each stream, a power of two.
    let streamIDs: Int
    private let feedCount: Int
    /// By stream (instrument × kind) the number of its table; −1 for none.
    private let tables: UnsafeMutablePointer<Int32>
    private let arrivals: UnsafeMutablePointer<Arrival>
    /// By feed.
    private let wins: UnsafeMutablePointer<Counter>
    private let leads: UnsafeMutablePointer<LatencyHistogram>
    private let forgotten: Counter

    init(catalog: MarketCatalog, configuration: RedundancyConfiguration?, metrics: MetricsRegistry) {
        let names = configuration?.feedNames ?? []
        let streamCount = catalog.instruments.count * EngineCounters.kindCount
        isUsed = configuration != nil
        feedCount = names.count
        tables = .allocate(capacity: streamCount)
        tables.initialize(repeating: -1, count: streamCount)
        var tableCount = 0
        for (instrument, kinds) in (configuration?.kinds ?? []).prefix(catalog.instruments.count).enumerated() {
            for kind in kinds.compactMap({ EngineCounters.kindIndex($0.rawValue) }) {
                tables[instrument * EngineCounters.kindCount + kind] = Int32(tableCount)
                tableCount += 1
            }
        }
        precondition(tableCount <= Self.mostTotalIDs, "more streams than ids are remembered")
        let share = Self.mostTotalIDs / max(1, tableCount)
        streamIDs = min(Self.mostIDs, 1 << (Int.bitWidth - 1 - share.leadingZeroBitCount))
        arrivals = .allocate(capacity: tableCount * streamIDs)
        arrivals.initialize(repeating: Arrival(), count: tableCount * streamIDs)
        forgotten = metrics.counter(
            "tickline_redundant_forgotten_total",
            help: "Ids that one feed delivered and that gave way to later ones before another feed delivered them.")
        wins = .allocate(capacity: names.count)
        leads = .allocate(capacity: names.count)
        for (feed, name) in names.enumerated() {
            (wins + feed).initialize(
                to: metrics.counter(
                    "tickline_redundant_wins_total",
                    help: "Ids that several feeds delivered, by the feed that received them first.",
                    labels: [("feed", name)]))
            (leads + feed).initialize(
                to: metrics.histogram(
                    "tickline_redundant_lead_seconds",
                    help: "How much earlier the feed that was first received an id than the next one.",
                    labels: [("feed", name)]))
        }
    }

    deinit {
        tables.deallocate()
        arrivals.deallocate()
        wins.deallocate()
        leads.deallocate()
    }

    /// Remembers a tick that a feed delivered and nobody had before.
    func note(_ tick: borrowing Tick, stream: Int) {
        guard let place = place(of: tick.id, in: stream) else { return }
        if place.pointee.feed != Self.nobody { forgotten.addFromOnlyWriter() }
        place.pointee = Arrival(
            id: tick.id, receiveMonotonicNanos: tick.receiveMonotonicNanos, feed: tick.feed)
    }

    /// Puts on record who was first, where another feed delivered the repeated tick before.
    ///
    /// That is told by the times of receipt: of two that wait in their rings the engine may have taken the later one first.
    func noteRepeated(_ tick: borrowing Tick, stream: Int) {
        guard let place = place(of: tick.id, in: stream), place.pointee.id == tick.id,
            place.pointee.feed != Self.nobody
        else { return }
        let (taken, other) = (Int(place.pointee.feed) % feedCount, Int(tick.feed) % feedCount)
        guard taken != other else { return }
        let (takenAt, otherAt) = (place.pointee.receiveMonotonicNanos, tick.receiveMonotonicNanos)
        wins[takenAt <= otherAt ? taken : other].addFromOnlyWriter()
        leads[takenAt <= otherAt ? taken : other].record(nanos: max(takenAt, otherAt) &- min(takenAt, otherAt))
        place.pointee.feed = Self.nobody
    }

    private func place(of id: UInt64, in stream: Int) -> UnsafeMutablePointer<Arrival>? {
        let table = Int(tables[stream])
        guard table >= 0 else { return nil }
        return arrivals + table &* streamIDs + Int(truncatingIfNeeded: id) & (streamIDs &- 1)
    }
}
