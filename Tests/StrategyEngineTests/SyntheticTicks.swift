import RingBuffer
import Telemetry
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

/// An engine core with everything it records at hand.
struct CoreFixture: ~Copyable {
    var core: DecisionCore
    let metrics = MetricsRegistry()
    private let records: RingConsumer
    let catalog: MarketCatalog

    init(_ catalog: MarketCatalog, recordSlots: Int = 1 << 17) {
        self.catalog = catalog
        let ring = SPSCRing(capacitySlots: recordSlots)
        records = RingConsumer(ring)
        core = DecisionCore(
            catalog: catalog, records: RingProducer(ring), recordCapacitySlots: recordSlots, metrics: metrics)
    }

    /// Processes a tick and returns its signals.
    mutating func signals(_ tick: Tick) -> [Decision] {
        _ = core.process(tick)
        return (0..<core.signalCount).map { core.signals[$0] }
    }

    /// Everything recorded since the last call.
    mutating func recorded() -> (ticks: [Tick], decisions: [Decision], gaps: [GapRecord], sessions: [SessionRecord]) {
        core.publishRecords()
        var ticks: [Tick] = []
        var decisions: [Decision] = []
        var gaps: [GapRecord] = []
        var sessions: [SessionRecord] = []
        var half: Tick?
        while case let slots:UnsafeBufferPointer<Tick> = records.peek(most: 1_000), !slots.isEmpty {
            for slot in slots {
                switch RecordKind(rawValue: slot.kind) {
                case .trade, .aggregateTrade, .quote: ticks.append(slot)
                case .gap: gaps.append(GapRecord(slot: slot)!)
                case .session: sessions.append(SessionRecord(slot: slot)!)
                case .decision: half = slot
                case .decisionSums: decisions.append(Decision(first: half!, second: slot)!)
                case .depth, .partialDepth, .bookLevels, .kline, .klineVolume, nil: fatalError("no such record here")
                }
            }
            records.release(count: slots.count)
        }
        return (ticks, decisions, gaps, sessions)
    }
}
