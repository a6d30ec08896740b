import RingBuffer
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import StrategyEngine

/// A catalogue of one instrument and one strategy, or more.
func catalog(
    short: Int, long: Int, instruments: Int = 1, decimals: Int = 8, source: RecordKind = .trade
) throws -> MarketCatalog {
    MarketCatalog(
        instruments: (0..<instruments).map {
            InstrumentSpecification(
                instrument: Instrument(exchange: .binance, symbol: "SYM\($0)"), priceDecimals: decimals,
                quantityDecimals: decimals, averageSource: source)
        }, strategies: [try SMACrossoverParameters(shortPeriod: short, longPeriod: long)])
}

/// A trade of a price, everything else derived from the id.
func trade(
    _ id: UInt64, _ price: Int64, instrument: UInt32 = 0, feed: UInt16 = 0, kind: RecordKind = .trade,
    flags: TickFlags = []
) -> Tick {
    Tick(
        id: id, exchangeTimeNanos: Int64(id) &* 1_000_000, receiveMonotonicNanos: id &* 1_000, price: price,
        quantity: 1,
        instrument: instrument, kind: kind, flags: flags, feed: feed)
}

/// What a feed says about its connection.
func session(_ event: SessionEvent, feed: UInt16, connection: UInt64 = 1) -> Tick {
    SessionRecord(
        event: event, feed: feed, connection: connection, wallOffsetNanos: 0, monotonic: MonotonicNanos(rawValue: 1)
    ).slot
}

/// An engine core with everything it records at hand.
struct CoreFixture: ~Copyable {
    var core: DecisionCore
    let metrics = MetricsRegistry()
    private let records: RingConsumer
    private let requests: RingConsumer
    let catalog: MarketCatalog
    /// What became of the ticks that were released.
    var released: [Released] = []

    init(
        _ catalog: MarketCatalog, recordSlots: Int = 1 << 17, priceBandPercent: Int? = nil,
        refill: RefillConfiguration? = nil, redundancy: RedundancyConfiguration? = nil, requestSlots: Int = 64
    ) {
        self.catalog = catalog
        let ring = SPSCRing(capacitySlots: recordSlots)
        records = RingConsumer(ring)
        let requestRing = SPSCRing(capacitySlots: requestSlots)
        requests = RingConsumer(requestRing)
        core = DecisionCore(
            catalog: catalog, records: RingProducer(ring), recordCapacitySlots: recordSlots,
            priceBandPercent: priceBandPercent, refill: refill, redundancy: redundancy,
            requests: RingProducer(requestRing),
            metrics: metrics)
    }

    /// Processes a slot and what it makes due, and returns the signals.
    mutating func signals(_ tick: Tick) -> [Decision] {
        _ = core.process(tick)
        return (0..<core.signalCount).map { core.signals[$0] } + releaseDue()
    }

    /// Tells the time, which is first what the core waits for, and returns the signals of what that makes due.
    mutating func advance(toNanos nanos: UInt64) -> [Decision] {
        core.advance(to: MonotonicNanos(rawValue: nanos))
        return releaseDue()
    }

    /// Processes what is due and returns the signals.
    mutating func releaseDue() -> [Decision] {
        var signals: [Decision] = []
        while core.hasDue {
            released.append(core.releaseNext())
            signals += (0..<core.signalCount).map { core.signals[$0] }
        }
        return signals
    }

    /// The ids asked for since the last call.
    func requested() -> [RefillRequest] {
        let slots = requests.peek(most: 64, as: Tick.self)
        defer { requests.release(count: slots.count) }
        return slots.map { RefillRequest(slot: $0)! }
    }

    /// Processes a book update.
    mutating func process(_ book: BookUpdate) {
        for slot in book.slots { #expect(signals(slot).isEmpty) }
    }

    /// Processes a kline.
    mutating func process(_ kline: Kline) {
        for slot in [kline.slots.0, kline.slots.1] { #expect(signals(slot).isEmpty) }
    }

    /// Everything recorded since the last call.
    mutating func recorded() -> Recorded {
        core.publishRecords()
        return Recorded(records)
    }
}

/// What a record ring holds, put together.
struct Recorded {
    var ticks: [Tick] = []
    var decisions: [Decision] = []
    var gaps: [GapRecord] = []
    var sessions: [SessionRecord] = []
    var books: [BookUpdate] = []
    var klines: [Kline] = []
    /// All of it as it was written.
    var slots: [Tick] = []

    /// Empties the ring. Books get the receive time that `SampleMarket` gives them.
    init(_ records: borrowing RingConsumer) {
        var half: Tick?
        var levelSlots = 0
        while case let peeked:UnsafeBufferPointer<Tick> = records.peek(most: 1_000), !peeked.isEmpty {
            slots += peeked
            for slot in peeked {
                let kind = RecordKind(rawValue: slot.kind)
                if levelSlots > 0, kind != .bookLevels { fatalError("a book update is not whole") }
                switch kind {
                case .trade, .aggregateTrade, .quote: ticks.append(slot)
                case .gap: gaps.append(GapRecord(slot: slot)!)
                case .session: sessions.append(SessionRecord(slot: slot)!)
                case .decision, .kline: half = slot
                case .decisionSums: decisions.append(Decision(first: half!, second: slot)!)
                case .klineVolume: klines.append(Kline(prices: half!, volumes: slot)!)
                case .depth, .partialDepth:
                    let time = SampleMarket.book(slot.id).receiveTime
                    books.append(BookUpdate(header: slot, receiveTime: time, bids: [], asks: []))
                    levelSlots = BookUpdate.levelSlots(of: slot)
                case .bookLevels:
                    let levels = BookLevelSlot(slot: slot)!
                    let last = books.count - 1
                    if levels.side == 0 {
                        levels.append(to: &books[last].bids)
                    } else {
                        levels.append(to: &books[last].asks)
                    }
                    levelSlots -= 1
                case .refillRequest, .refillEnd, .mark, nil: fatalError("no such record here")
                }
            }
            records.release(count: peeked.count)
        }
    }
}

extension MetricsRegistry {
    /// The sum of a metric's series with `label` among their labels.
    func value(_ name: String, _ label: String) -> Double {
        PrometheusText.render(self).split(separator: "\n").filter { $0.hasPrefix(name + "{") && $0.contains(label) }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
    }
}
