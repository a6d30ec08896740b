import Foundation
import Glibc
import Logging
import SimulatedSystem
import SimulatedWorld
import TicklineNode
import TradingModel

/// One run of the product among faults, from a seed to a verdict.
final class Simulation: @unchecked Sendable {
    // Unchecked: one simulated thread runs at a time.
    static let exchangePort: UInt16 = 9_443
    /// How long it may take after the last fault until all is where it belongs.
    private static let settleMillis = 60_000.0
    /// Segments of the engine's that starts with a full reserve may take beyond the budget.
    private static let mostStartSegments = 12

    let world = World()
    let exchange: ExchangeFront
    let redis: RedisFront
    private let market = SimulatedMarket(symbols: ["BTCUSDT", "ETHUSDT"])
    private let documents: SimulatedDocuments
    private let plan: FaultPlan
    private let settings: Settings
    private let catalog: MarketCatalog
    private let logger: Logger
    private var process: SimulatedProcess?
    private var lives: [SimulatedProcess] = []
    private var isStriking = true
    private var isTrading = true
    private var storeIsInTrouble = false
    /// By instrument the newest tick of a whole written batch when the process had no segment in memory yet: all that is older is
    /// on disk and stored.
    private var onDisk: [UInt64] = [0, 0]
    /// Slots that the present process says its store lacks.
    private var unstoredSlots: UInt64 = 0
    /// What can be missing.
    private var forgettable: [Oracle.Forgettable] = []
    /// Whether the present process began when nothing went wrong any more and Redis was there.
    private var beganHealed = false
    /// The most that the journal's files took, and what was wrong with starts.
    private var mostJournalBytes = 0
    private var startBreaches: [String] = []

    init(folder: String, logger: Logger) throws {
        plan = FaultPlan(world)
        exchange = ExchangeFront(world, market)
        var settings = Settings()
        redis = RedisFront(world, stream: settings.signalStream)
        settings.feeds = ["ws://127.0.0.1:\(Self.exchangePort)/stream?streams=btcusdt@trade/ethusdt@trade"]
        (settings.shortPeriod, settings.longPeriod) = (3, 8)
        settings.redis = "redis://127.0.0.1:\(RedisFront.port)"
        settings.data = folder
        settings.publish = plan.publishesOnce ? .once : .append
        settings.reconnectAfter = plan.reconnectAfterSeconds
        settings.journalBudgetMiB = plan.journalBudgetMiB
        self.settings = settings
        self.logger = logger
        catalog = try NodePlan(settings: settings).catalog
        documents = SimulatedDocuments(catalog: catalog)
        world.note = { logger.notice("world: \($0)") }
        world.serve = { [exchange, redis] port, connection in
            port == RedisFront.port ? redis.serve(connection) : exchange.serve(connection)
        }
    }

    /// Runs it and returns what was broken.
    func run() -> [String] {
        sim_listen(Self.exchangePort, true)
        sim_listen(RedisFront.port, true)
        startProcess()
        tradeOn()
        strikeOn()
        pingOn()
        _ = world.run(limitMillis: plan.durationMillis) { watch() }
        heal()
        // Trades go on over a feed that is there, so that each hole is seen.
        guard world.run(limitMillis: Self.settleMillis, until: { watch() || exchange.openCount > 0 }) else {
            return ["the feed does not come back\(words)"]
        }
        _ = world.run(limitMillis: 3_000) { watch() }
        isTrading = false
        guard world.run(limitMillis: Self.settleMillis, until: { watch() || isSettled }) else {
            return ["not all is published and stored\(words)"]
        }
        // What is in excess would come now.
        _ = world.run(limitMillis: 2_000) { watch() }
        exchange.noteDeliveries()
        var oracle = Oracle(market: market, documents: documents, catalog: catalog)
        oracle.check(
            ledger: redis.ledger, deliveries: exchange.deliveries, forgettable: forgettable, countedSlots: countedSlots)
        outcome = (oracle.expectedSignals, oracle.refilledIDs, oracle.missingIDs, oracle.unstoredIDs)
        noteJournal()
        return process?.failure.map { ["the process does not begin: \($0)"] } ?? oracle.breaches + startBreaches
    }

    /// Slots that lives of the process count as not stored.
    private var countedSlots: UInt64 { lives.reduce(0) { $0 + $1.unstoredSlots } }

    /// Signals there had to be, refilled ids, ids in gaps, and those that a kill took out of memory.
    private var outcome = (signals: 0, refilled: 0, missing: 0, unstored: 0)

    /// What the run met, in words.
    var figures: String {
        let trades = market.trades.reduce(0) { $0 + $1.count }
        return "trades \(trades) | signals \(outcome.signals) | processes \(lives.count) | refilled \(outcome.refilled)"
            + " | in gaps \(outcome.missing) | segments in memory \(lives.reduce(0) { $0 + $1.segmentsInMemory })"
            + " | unstored \(outcome.unstored) of \(countedSlots) counted | removed \(redis.ledger.removedCount) | reserve full \(lives.reduce(0) { $0 + $1.reserveFullCount })"
            + " | paged starts \(lives.count { $0.waitingAtStart > 0 }) of \(plan.takenOverSignals)"
            + " | refused starts \(lives.count(where: \.isRefused)) | journal MiB \(mostJournalBytes >> 20)"
            + " of \(plan.journalBudgetMiB) | seconds \(world.now / 1_000_000_000)"
    }

    /// Whether the process is certain to know, also after a kill, what of its signals the stream has had.
    var knowsAcknowledgements: Bool {
        guard let process, process.isRunning, process.segmentsInMemory == 0, !sim_is_killed() else { return false }
        return process.pipeline.map { $0.signals.takenSignals.count == $0.signals.takenSignals.acknowledged } ?? false
    }

    private var words: String { process?.failure.map { ": \($0)" } ?? "" }

    private var isSettled: Bool {
        guard let process, process.isRunning, let taken = process.pipeline?.signals.takenSignals,
            taken.count == taken.acknowledged
        else { return false }
        return market.symbols.indices.allSatisfy { instrument in
            market.trades[instrument].last.map {
                documents.ticks[SimulatedDocuments.Key(instrument: UInt32(instrument), id: $0.id)] != nil
            } ?? true
        }
    }

    // MARK: what goes on

    private func tradeOn() {
        world.after(millis: Double(world.random(0...2 * plan.tradeMillis * 1_000)) / 1_000) { [self] in
            guard isTrading else { return }
            for _ in 0..<(world.happens(oneIn: 20) ? world.random(2...30) : 1) {
                exchange.trade(world.random(0...market.symbols.count - 1))
            }
            tradeOn()
        }
    }

    private func strikeOn() {
        world.after(millis: Double(world.random(1...2 * plan.intervalMillis))) { [self] in
            guard isStriking else { return }
            plan.strike(self)
            strikeOn()
        }
    }

    private func pingOn() {
        world.after(millis: 3_000) { [self] in
            exchange.ping()
            pingOn()
        }
    }

    private func heal() {
        world.note("no more faults")
        isStriking = false
        storeIsInTrouble = false
        sim_kill_after(0, nil)
        sim_disk_full(false)
        sim_disk_failing(false)
        exchange.endStalled()
        exchange.refusesUpgrades = false
        exchange.history = .serves
        exchange.reorders = false
        exchange.duplicatesOneIn = 0
        redis.server.fault = nil
    }

    // MARK: the process

    private func startProcess() {
        sim_new_process()
        var sizes = JournalSizes()
        sizes.feedSegmentBytes = plan.hasSmallSegments ? 1 << 20...1 << 20 : 4 << 20...4 << 20
        // A segment keeps some 7,000 entries for one batch, and three for each tick on hold.
        sizes.engineEntries = plan.hasSmallSegments ? 1 << 14 : 1 << 16
        sizes.noteEntries = plan.hasSmallSegments ? 64 : 4_032
        sizes.historyEntries = 64
        sizes.takenOverSignals = plan.takenOverSignals
        let process = SimulatedProcess(
            settings: settings, sizes: sizes,
            store: { [self] in SimulatedStore(documents) { self.storeOutcome() } }, logger: logger)
        lives.append(process)
        unstoredSlots = 0
        beganHealed = !isStriking && !redis.isAway
        self.process = process
    }

    /// Whether something ends the run; a process that was killed is started again.
    private func watch() -> Bool {
        if let process, process.segmentsInMemory == 0 { onDisk = documents.newestTicks }
        if let process, process.segmentsInMemory > 0, process.unstoredSlots > unstoredSlots {
            unstoredSlots = process.unstoredSlots
            noteForgettable()
        }
        if sim_is_killed(), let killed = process {
            if killed.segmentsInMemory > 0 { noteForgettable() }
            noteJournal()
            process = nil
            world.note(killed.isRefused ? "the start is refused" : "the process is killed")
            if killed.isRefused, beganHealed { startBreaches.append("a start is refused though Redis is there") }
            world.after(millis: Double(world.random(10...600))) { [self] in startProcess() }
        }
        return process?.failure != nil
    }

    /// The process is killed, or has passed over for its store, what is in its memory alone.
    private func noteForgettable() {
        forgettable.append(Oracle.Forgettable(from: onDisk, upTo: market.trades.map { $0.last?.id ?? 0 }))
    }

    /// Starts, however many in a row, take no more room than the budget and a bound.
    private func noteJournal() {
        let folder = "\(settings.data)/journal"
        var (bytes, engineBytes) = (0, 0)
        // A process that was killed early has not made it.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            var file = stat()
            guard lstat("\(folder)/\(name)", &file) == 0 else { continue }
            bytes += Int(file.st_size)
            if name.hasPrefix("engine") { engineBytes = max(engineBytes, Int(file.st_size)) }
        }
        mostJournalBytes = max(mostJournalBytes, bytes)
        let most = settings.journalBudgetMiB << 20 + Self.mostStartSegments * engineBytes
        if bytes > most { startBreaches.append("the journal takes \(bytes) bytes, above \(most)") }
    }

    /// Kills the process within its next system calls; of one thread, sometimes. `isAtOnce`: within few, of any.
    func killSoon(isAtOnce: Bool = false) {
        guard isStriking, process != nil else { return }
        let names = ["engine", "redis-publish", "feed-0", "store-writer", "journal", "main", "refill"]
        let name = !isAtOnce && world.happens(oneIn: 2) ? names[world.random(0...names.count - 1)] : nil
        world.note("a kill is due in \(name ?? "any thread")")
        sim_kill_after(UInt64(world.random(1...(isAtOnce ? 20 : name == nil ? 2_000 : 60))), name)
    }

    // MARK: the store

    func storeTrouble(millis: Double) {
        world.note("the store fails")
        storeIsInTrouble = true
        world.after(millis: millis) { [self] in storeIsInTrouble = false }
    }

    /// On the store writer's thread.
    private func storeOutcome() -> SimulatedDocuments.Outcome {
        usleep(UInt32(world.random(50...(storeIsInTrouble ? 200_000 : 3_000))))
        guard storeIsInTrouble else { return .written }
        switch world.random(0...2) {
        case 0: return .refused
        case 1: return .unanswered(most: world.random(0...40))
        default: return .written
        }
    }
}
