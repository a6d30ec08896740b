import Telemetry
import TestSupport
import TradingModel

@testable import StrategyEngine

/// What happens to the missing ids of one hole.
enum HoleFate: CaseIterable {
    /// All come as trades, in any order, before the answer's end.
    case trades
    /// All come as parts of aggregates.
    case aggregates
    /// All come by the other connection, in any order.
    case twin
    /// Some by the other connection, the rest as trades or aggregates.
    case mixed
    /// Some come, then the answer ends.
    case partial
    /// None comes: the answer is a refusal.
    case refused
    /// Some come in time, the rest and the end too late.
    case late
    /// Nothing comes, not even an end.
    case silent
}

/// A recording with holes, what is done about each, and what the core made of it: a simulation in which only the core is
/// real, and everything else a function of the seed.
struct RefillScenario: ~Copyable {
    private enum Input { case slot(Tick), time(UInt64) }

    private let ledger: [Tick]
    private let fates: [HoleFate]
    private var random: SeededRandom
    private var fixture: CoreFixture
    private var queue: [(atNanos: UInt64, order: Int, tick: Tick)] = []
    private var nextOrder = 0
    /// The hole that an id lies in.
    private var holes: [(ids: ClosedRange<Int>, fate: HoleFate)] = []
    private var inputs: [Input] = []
    private(set) var signals: [Decision] = []
    /// Ids that must be in a gap.
    private(set) var lost: Set<UInt64> = []
    /// Ids that came late, but in time.
    private(set) var mended: Set<UInt64> = []
    var holeCount: Int { holes.count }
    var metrics: MetricsRegistry { fixture.metrics }
    private let configuration: RefillConfiguration
    private let hasTwin: Bool
    private let catalog: MarketCatalog
    private let spacingNanos: UInt64

    /// The first connection's ticks come at that distance; what is missing takes no time. 40 ms let few holes be open at
    /// once.
    init(ledger: [Tick], catalog: MarketCatalog, fates: [HoleFate], seed: UInt64, spacingNanos: UInt64 = 40_000_000) {
        self.spacingNanos = spacingNanos
        self.ledger = ledger
        self.fates = fates
        self.catalog = catalog
        random = SeededRandom(seed: seed)
        hasTwin = fates.contains { $0 == .twin || $0 == .mixed }
        configuration = RefillConfiguration(feedsByInstrument: [hasTwin ? [0, 1] : [0]], feedPairs: 2)
        fixture = CoreFixture(catalog, refill: configuration, requestSlots: 1_024)
    }

    /// Runs it and returns what was recorded.
    mutating func run() -> Recorded {
        var index = 0
        var nanos: UInt64 = 1_000_000_000
        for feed in [0, 1] as [UInt16] { queue.append((0, 0, session(.opened, feed: feed))) }
        while index < ledger.count {
            for _ in 0..<Int.random(in: 1...80, using: &random) where index < ledger.count {
                send(ledger[index], feed: 0, atNanos: nanos)
                index += 1
                nanos += spacingNanos
            }
            // Most holes are small, some as large as are refilled; the last tick always comes.
            let most = Int.random(in: 0..<10, using: &random) == 0 ? 1_000 : 40
            let count = min(Int.random(in: 1...most, using: &random), ledger.count - index - 1)
            guard count > 0 else { continue }
            let fate = fates.randomElement(using: &random)!
            holes.append((index...index + count - 1, fate))
            // The next tick shows the hole.
            if hasTwin { sendTwin(of: holes.count - 1, noticedNanos: nanos) }
            index += count
        }
        queue.sort { ($0.atNanos, $0.order) < ($1.atNanos, $1.order) }
        simulate()
        return fixture.recorded()
    }

    /// The same inputs to a new core; what it records.
    mutating func replay() -> Recorded {
        var other = CoreFixture(catalog, refill: configuration, requestSlots: 1_024)
        for input in inputs {
            switch input {
            case .slot(let tick): _ = other.signals(tick)
            case .time(let nanos): _ = other.advance(toNanos: nanos)
            }
            _ = other.requested()
        }
        return other.recorded()
    }

    private mutating func simulate() {
        var position = 0
        while position < queue.count || fixture.core.timerDeadline != nil {
            let next = position < queue.count ? queue[position].atNanos : .max
            if let deadline = fixture.core.timerDeadline?.rawValue, deadline <= next {
                inputs.append(.time(deadline))
                signals += fixture.advance(toNanos: deadline)
                answerRequests(nowNanos: deadline, from: position)
                continue
            }
            inputs.append(.slot(queue[position].tick))
            signals += fixture.signals(queue[position].tick)
            position += 1
            answerRequests(nowNanos: next, from: position)
        }
    }

    private mutating func send(_ tick: Tick, feed: UInt16, atNanos: UInt64, flags: TickFlags = []) {
        var tick = tick
        tick.feed = feed
        tick.receiveMonotonicNanos = flags.contains(.refilled) ? 0 : atNanos
        tick.flags |= flags.rawValue
        queue.append((atNanos, nextOrder, tick))
        nextOrder += 1
    }

    /// What the other connection has of a hole, before it is asked for, and now and then repeats of it afterwards.
    private mutating func sendTwin(of hole: Int, noticedNanos: UInt64) {
        let (ids, fate) = holes[hole]
        for index in ids.shuffled(using: &random) {
            if fate == .twin || fate == .mixed && Bool.random(using: &random) {
                let delay = UInt64.random(in: 1..<250_000_000, using: &random)
                send(ledger[index], feed: 1, atNanos: noticedNanos + delay)
                mended.insert(ledger[index].id)
            } else if Int.random(in: 0..<4, using: &random) == 0 {
                send(ledger[index], feed: 1, atNanos: noticedNanos + 3_500_000_000)
            }
        }
    }

    private mutating func answerRequests(nowNanos: UInt64, from position: Int) {
        let requests = fixture.requested()
        guard !requests.isEmpty else { return }
        let count = queue.count
        for request in requests { answer(request, nowNanos: nowNanos) }
        guard queue.count > count else { return }
        queue[position...].sort { ($0.atNanos, $0.order) < ($1.atNanos, $1.order) }
    }

    private mutating func answer(_ request: RefillRequest, nowNanos: UInt64) {
        let start = ledger[0].id
        guard let hole = holes.first(where: { $0.ids.contains(Int(request.firstID - start)) }) else {
            fatalError("nothing is missing at \(request)")
        }
        let missing = (request.firstID...request.lastID).filter { !mended.contains($0) }
        // The other connection's ticks between them are asked for as well.
        let repeated = (request.firstID...request.lastID).filter { mended.contains($0) }
        let deadline = request.noticed.rawValue + 3_000_000_000
        let endNanos = UInt64.random(in: nowNanos..<deadline - 1, using: &random)
        var outcome = RefillOutcome.complete
        var (prompt, tardy): ([UInt64], [UInt64]) = (missing, [])
        switch hole.fate {
        case .trades, .aggregates, .twin, .mixed: break
        case .partial:
            prompt = missing.filter { _ in Bool.random(using: &random) }
            outcome = [.complete, .failed].randomElement(using: &random)!
        case .refused:
            prompt = []
            outcome = [.refused, .rateLimited, .failed].randomElement(using: &random)!
        case .late:
            prompt = missing.filter { _ in Bool.random(using: &random) }
            tardy = missing.filter { !prompt.contains($0) }
        case .silent: prompt = []
        }
        lost.formUnion(Set(missing).subtracting(prompt))
        mended.formUnion(prompt)
        let isAggregate = hole.fate == .aggregates || hole.fate == .mixed && Bool.random(using: &random)
        for id in prompt.shuffled(using: &random) {
            refill(id, isAggregate, atNanos: UInt64.random(in: nowNanos...endNanos, using: &random))
        }
        for id in repeated { refill(id, isAggregate, atNanos: UInt64.random(in: nowNanos...endNanos, using: &random)) }
        for id in tardy.shuffled(using: &random) { refill(id, isAggregate, atNanos: deadline + 1) }
        guard hole.fate != .silent else { return }
        queue.append(
            (
                tardy.isEmpty && hole.fate != .late ? endNanos : deadline + 1, Int.max,
                RefillEnd(
                    ordinal: request.ordinal, instrument: 0, kind: .trade, outcome: outcome,
                    monotonic: MonotonicNanos(rawValue: endNanos)
                ).slot
            ))
    }

    private mutating func refill(_ id: UInt64, _ isAggregate: Bool, atNanos: UInt64) {
        var tick = ledger[Int(id - ledger[0].id)]
        if isAggregate { (tick.secondaryPrice, tick.secondaryQuantity) = (Int64(id) - 1, Int64(id) + 1) }
        send(tick, feed: 7, atNanos: atNanos, flags: isAggregate ? [.refilled, .fromAggregate] : .refilled)
        // Live again, behind everything.
        if Int.random(in: 0..<20, using: &random) == 0 { send(tick, feed: 0, atNanos: atNanos + 4_000_000_000) }
    }
}
