import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import StrategyEngine

/// The recorded trades of BTCUSDT with random holes, refilled or not in every way and order.
@Suite(.enabled(if: SharedData.shouldRun)) struct RefillRecordingTests {
    private func ledger() throws -> [Tick] {
        try SharedData.lines(gzip: "binance/btcusdt@trade.20240808.ndjson.gz").map { line in
            var tick = trade(UInt64(field("t", of: line)!)!, scaled(field("p", of: line)!, decimals: 8))
            tick.exchangeTimeNanos = Int64(field("T", of: line)!)! * 1_000_000
            return tick
        }
    }

    private func entries(_ decisions: [Decision]) -> [ReferenceDecider.Entry] { decisions.map { .init($0) } }

    static let fates: [[HoleFate]] = [
        [.trades], [.aggregates], [.twin], [.mixed], [.trades, .aggregates, .twin, .mixed],
    ]

    @Test(arguments: fates) func `refilled, decisions and signals are those of the unbroken recording`(
        fates: [HoleFate]
    ) throws {
        let ledger = try ledger()
        let catalog = try catalog(short: 5, long: 20)
        var unbroken = CoreFixture(catalog)
        let signals = ledger.flatMap { unbroken.signals($0) }
        let decisions = unbroken.recorded().decisions
        #expect(signals.count == 221)
        #expect(entries(decisions) == ReferenceDecider.decisions(ledger, short: 5, long: 20))
        var holes = 0
        var ids = 0
        while holes < 88 {
            let seed = UInt64.random(in: 1...UInt64.max)
            print("seed \(seed)")
            var scenario = RefillScenario(ledger: ledger, catalog: catalog, fates: fates, seed: seed)
            let records = scenario.run()
            #expect(records.ticks.map(\.id) == ledger.map(\.id), "seed \(seed)")
            #expect(entries(records.decisions) == entries(decisions), "seed \(seed)")
            #expect(entries(scenario.signals) == entries(signals), "seed \(seed)")
            #expect(scenario.lost.isEmpty && scenario.metrics.total("tickline_gaps_total") == 0)
            #expect(missing(records, isRefilled: false) == scenario.lost, "seed \(seed)")
            #expect(missing(records, isRefilled: true) == scenario.mended, "seed \(seed)")
            #expect(scenario.metrics.value("tickline_refills_given_up_total", "overflow") == 0, "seed \(seed)")
            try check(records, scenario, seed: seed)
            #expect(scenario.replay().slots == records.slots, "seed \(seed)")
            holes += scenario.holeCount
            ids += scenario.mended.count
        }
        print(
            "figure: \(fates.map { "\($0)" }): \(holes) holes of \(ids) ids refilled, \(signals.count) signals as without a hole"
        )
    }

    @Test(arguments: [[.partial], [.refused], [.late], [.silent], HoleFate.allCases] as [[HoleFate]])
    func `not refilled, decisions and signals are those of the full-window rule`(fates: [HoleFate]) throws {
        let ledger = try ledger()
        var (holes, lost, mended, decided) = (0, 0, 0, 0)
        while holes < 88 * 3 {
            let seed = UInt64.random(in: 1...UInt64.max)
            print("seed \(seed)")
            var scenario = RefillScenario(
                ledger: ledger, catalog: try catalog(short: 5, long: 20), fates: fates, seed: seed)
            let records = scenario.run()
            #expect(records.ticks.map(\.id) == ledger.map(\.id).filter { !scenario.lost.contains($0) }, "seed \(seed)")
            let expected = ReferenceDecider.decisions(records.ticks, short: 5, long: 20)
            #expect(entries(records.decisions) == expected, "seed \(seed)")
            #expect(entries(scenario.signals) == expected.filter(\.isSignal), "seed \(seed)")
            #expect(missing(records, isRefilled: false) == scenario.lost, "seed \(seed)")
            #expect(missing(records, isRefilled: true) == scenario.mended, "seed \(seed)")
            // Where nobody answers, holes wait their whole time, and more may come than are kept.
            let overflows = scenario.metrics.value("tickline_refills_given_up_total", "overflow")
            #expect(overflows == 0 || fates.contains(.silent), "seed \(seed)")
            try check(records, scenario, seed: seed)
            #expect(scenario.replay().slots == records.slots, "seed \(seed)")
            (holes, lost) = (holes + scenario.holeCount, lost + scenario.lost.count)
            (mended, decided) = (mended + scenario.mended.count, decided + scenario.signals.count)
        }
        print(
            "figure: \(fates.map { "\($0)" }): \(holes) holes, \(mended) ids refilled, \(lost) in gaps, 0 silent; \(decided) signals"
        )
    }

    @Test func `with more holes at once than are waited for, each id is still processed in its place or in a gap`()
        throws
    {
        let ledger = try ledger()
        var (holes, lost, mended, overflows) = (0, 0, 0, 0)
        while holes < 88 * 5 {
            let seed = UInt64.random(in: 1...UInt64.max)
            print("seed \(seed)")
            var scenario = RefillScenario(
                ledger: ledger, catalog: try catalog(short: 5, long: 20), fates: HoleFate.allCases, seed: seed,
                spacingNanos: (seed % 6 + 1) * 1_000_000)
            let records = scenario.run()
            let missing = missing(records, isRefilled: false)
            #expect(records.ticks.map(\.id) == ledger.map(\.id).filter { !missing.contains($0) }, "seed \(seed)")
            #expect(
                entries(records.decisions) == ReferenceDecider.decisions(records.ticks, short: 5, long: 20),
                "seed \(seed)")
            try check(records, scenario, seed: seed)
            #expect(scenario.replay().slots == records.slots, "seed \(seed)")
            (holes, lost) = (holes + scenario.holeCount, lost + missing.count)
            mended += self.missing(records, isRefilled: true).count
            overflows += Int(scenario.metrics.value("tickline_refills_given_up_total", "overflow"))
        }
        #expect(overflows > 0)
        print("figure: \(holes) holes, \(overflows) given up for others, \(mended) ids refilled, \(lost) in gaps")
    }

    private func missing(_ records: Recorded, isRefilled: Bool) -> Set<UInt64> {
        Set(records.gaps.filter { $0.isRefilled == isRefilled }.flatMap { Array($0.firstID...$0.lastID) })
    }

    /// Each id that did not come in its place is in exactly one gap record, which tells whether it came; and is counted.
    private func check(_ records: Recorded, _ scenario: borrowing RefillScenario, seed: UInt64) throws {
        var (missing, refilled): (Set<UInt64>, Set<UInt64>) = ([], [])
        for gap in records.gaps {
            let ids = Set(gap.firstID...gap.lastID)
            #expect(missing.isDisjoint(with: ids) && refilled.isDisjoint(with: ids), "seed \(seed)")
            if gap.isRefilled { refilled.formUnion(ids) } else { missing.formUnion(ids) }
            #expect(gap.beforeTimeNanos > 0 && gap.beforeTimeNanos <= gap.afterTimeNanos, "seed \(seed)")
        }
        let sources = Dictionary(
            records.gaps.map { ($0.refilledFrom, Int($0.missingCount)) }, uniquingKeysWith: +)
        for source in RefillSource.allCases {
            let counted = scenario.metrics.value("tickline_ticks_refilled_total", "\"\(source.name)\"")
            #expect(Int(counted) == sources[source] ?? 0, "seed \(seed)")
        }
        #expect(Int(scenario.metrics.total("tickline_ticks_missing_total")) == missing.count, "seed \(seed)")
        #expect(Int(scenario.metrics.total("tickline_ticks_total")) == records.ticks.count, "seed \(seed)")
        #expect(
            scenario.metrics.total("tickline_held_ticks") == 0 && scenario.metrics.total("tickline_dropped_total") == 0)
        // What came by the exchange's history says so, and nothing else does.
        let marked = Set(records.ticks.filter(\.isRefilled).map(\.id))
        #expect(marked.isSubset(of: refilled) && marked.count == refilled.count - (sources[.twin] ?? 0), "seed \(seed)")
    }
}
