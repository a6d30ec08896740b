internal import Glibc
package import Logging
internal import Synchronization
package import Telemetry
internal import ThreadExecutor
package import TradingModel

/// The body of the trader's thread: it owns the signals' source, the orders' store and the venue.
///
/// It trades while it holds the lease and stands by while another does. Whatever it is not sure of any more, it drops and takes over
/// anew, from the store: nothing that matters is in memory alone. Errors of the store, the source and the venue never skip an
/// entry; they end in another attempt.
package final class TraderLoop<
    Source: SignalSource & ~Copyable, Store: OrderStore & ~Copyable, Venue: ExecutionVenue & ~Copyable
>: @unchecked Sendable {
    // Unchecked: made by the owner, then used by the trader's thread alone; starting the thread is the hand-over. Other threads
    // have `stop` and the switch.

    let settings: TraderSettings
    var source: Source
    var store: Store
    var venue: Venue
    let clocks: TraderClocks
    let metrics: TraderMetrics
    let logger: Logger
    let tradingSwitch: TradingSwitch
    private let health: HealthCheck
    private let stopRequested = Atomic<Bool>(false)

    /// The lease, while it is held.
    var lease: TradingLease?
    private var leaseEndsAt = MonotonicNanos(rawValue: 0)
    private var leaseRenewedAt = MonotonicNanos(rawValue: 0)
    /// Since when the source has failed; nil while it does not.
    private var sourceFailsSince: MonotonicNanos?
    /// Until when the lease is left to others.
    private var standsAsideUntil = MonotonicNanos(rawValue: 0)

    private var isPrepared = false
    private var isTrading = false
    /// What is known while the lease is held.
    var ledger = PositionLedger()
    var lastApplied: [StrategyKey: AppliedSignal] = [:]
    /// By client order id.
    var open: [String: OpenOrder] = [:]
    /// Signals that have orders and no outcome: the trader before was killed between them.
    var unfinished: Set<String> = []
    /// What other streams' orders held of each key, with what they had open, when the lease was taken over.
    var heldByOthers: [StrategyKey: ExactDecimal] = [:]
    var state = TradingState(mode: .active, reason: "", time: UnixNanos(rawValue: 0))
    var gate: RiskGate
    var hasNewPositions = false
    /// Whether entries are read one by one, since they may have been handed out before: so a kill raises the count of the entry
    /// in hand alone, and none is set aside for what another one did.
    var isCareful = true
    private var lookedAt = MonotonicNanos(rawValue: 0)
    private var loggedTrouble = ""

    /// Why the trader can't go on as it is.
    enum Interruption: Error {
        /// Another trader has, or may have, taken over.
        case leaseLost(String)
        /// The store or the venue failed; the trader takes over anew.
        case failed(String)
        /// The source failed; the trader takes over anew, or leaves it to another one.
        case sourceFailed(String)
    }

    /// Takes the parts; nothing is read before `run`.
    package init(
        settings: TraderSettings, source: consuming Source, store: consuming Store, venue: consuming Venue,
        tradingSwitch: TradingSwitch, metrics registry: MetricsRegistry, health: HealthCheck, logger: Logger,
        clocks: TraderClocks = TraderClocks()
    ) {
        self.settings = settings
        self.source = source
        self.store = store
        self.venue = venue
        self.tradingSwitch = tradingSwitch
        metrics = TraderMetrics(registry, stream: settings.leaseName)
        self.health = health
        self.logger = logger
        self.clocks = clocks
        gate = RiskGate(limits: settings.limits)
    }

    /// Asks the thread to finish what it has in hand, give the lease back and return. Any thread.
    package func stop() { stopRequested.store(true, ordering: .releasing) }

    var isStopping: Bool { stopRequested.load(ordering: .acquiring) }

    /// Runs until it is told to stop.
    package func run() {
        while !isStopping { step() }
        finish()
    }

    /// One look at everything while the lease is held; else an attempt to get it, and to take over.
    package func step() {
        do throws(Interruption) {
            if isTrading { return try turn() }
            if !isPrepared {
                do throws(TradeStoreError) { try store.prepareTrading() } catch { throw .failed("\(error)") }
                isPrepared = true
            }
            // Also while another trades: it reads the store.
            if try takeRequest() { try readState() }
            guard clocks.monotonic() >= standsAsideUntil else { return clocks.pause(max(1, settings.leaseMillis / 4)) }
            guard try hold() else { return clocks.pause(max(1, settings.leaseMillis / 4)) }
            try takeOver()
            isTrading = true
            loggedTrouble = ""
            sourceFailsSince = nil
            metrics.holdsLease.set(1)
            health.report(isReady: true, reason: "trading is \(state.mode.rawValue)")
        } catch { interrupted(error) }
    }

    /// Gives the lease back, where it is held, and lets go of everything; once, at the end.
    package func finish() {
        giveBackLease()
        metrics.holdsLease.set(0)
        source.close()
        venue.close()
        store.close()
        health.report(isReady: false, reason: "stopped")
    }

    /// One look at everything.
    private func turn() throws(Interruption) {
        try keepLease()
        try takeReports()
        try attendToOrders()
        try lookAround()
        // A look around may have taken as long as the store does.
        try keepLease()
        // What can be filled any moment is not waited beside.
        let entries: [SignalEntry]
        do throws(SignalSourceError) {
            entries = try source.next(
                most: isCareful ? 1 : settings.mostBatchEntries, waitMillis: open.isEmpty ? settings.waitMillis : 1)
        } catch { throw .sourceFailed("\(error)") }
        isCareful = entries.contains { $0.deliveries > 1 }
        if !entries.isEmpty { try handle(entries) }
    }

    private func interrupted(_ interruption: Interruption) {
        let reason: String
        switch interruption {
        case .leaseLost(let why), .failed(let why), .sourceFailed(let why): reason = why
        }
        isTrading = false
        open = [:]
        health.report(isReady: false, reason: reason)
        metrics.holdsLease.set(0)
        if case .leaseLost = interruption { lease = nil }
        if case .sourceFailed = interruption { leaveToOthers() }
        if reason != loggedTrouble {
            logger.warning("trading is interrupted", metadata: ["reason": "\(reason)"])
            loggedTrouble = reason
        }
        clocks.pause(100)
    }

    /// A source that this trader can't reach may be within another one's reach: what has failed for as long as the lease
    /// holds is left to the others, for as long as it takes each of them to try for it.
    private func leaveToOthers() {
        let time = clocks.monotonic()
        guard let since = sourceFailsSince else { return sourceFailsSince = time }
        guard lease != nil, time.nanos(since: since) >= nanos(millis: settings.leaseMillis) else { return }
        giveBackLease()
        sourceFailsSince = nil
        standsAsideUntil = MonotonicNanos(rawValue: time.rawValue &+ nanos(millis: settings.leaseMillis / 2))
    }

    // MARK: - The lease

    private func giveBackLease() {
        guard let lease else { return }
        do throws(TradeStoreError) { try store.release(lease) } catch {
            logger.notice("the lease is left to lapse", metadata: ["error": "\(error)"])
        }
        self.lease = nil
    }

    /// Renews the lease once a quarter of it is over; traps nothing, sends nothing once it is not known to be held.
    func keepLease() throws(Interruption) {
        let time = clocks.monotonic()
        if time.nanos(since: leaseRenewedAt) >= nanos(millis: settings.leaseMillis / 4) {
            do throws(Interruption) {
                guard try hold() else { throw .leaseLost("another trader has taken over") }
            } catch {
                // A store that does not answer is tried again for as long as the lease holds.
                if case .failed = error, clocks.monotonic() < leaseEndsAt { return }
                throw error
            }
        }
        guard clocks.monotonic() < leaseEndsAt else { throw .leaseLost("the lease could not be renewed in time") }
    }

    /// Takes or renews the lease; false where another holds it.
    private func hold() throws(Interruption) -> Bool {
        // Counted from before the call, since the store counts from within it.
        let asked = clocks.monotonic()
        let attempt: LeaseAttempt
        do throws(TradeStoreError) {
            attempt = try store.lease(settings.leaseName, holder: settings.holder, millis: settings.leaseMillis)
        } catch { throw .failed("\(error)") }
        switch attempt {
        case .heldByOther(let holder):
            lease = nil
            health.report(isReady: true, reason: "standing by, \(holder) trades")
            return false
        case .held(let held):
            if let lease, lease.token != held.token {
                self.lease = held
                throw .leaseLost("the lease lapsed and was taken anew")
            }
            lease = held
            leaseRenewedAt = asked
            leaseEndsAt = MonotonicNanos(rawValue: asked.rawValue &+ nanos(millis: settings.leaseMillis))
            return true
        }
    }

    /// The token under which everything is written.
    var token: UInt64 { lease?.token ?? 0 }

    // MARK: - Once a second

    /// Obeys what was asked for by another thread, at once, and looks at everything else once a second.
    func lookAround() throws(Interruption) {
        let time = clocks.monotonic()
        let isAsked = try takeRequest()
        guard isAsked || time.nanos(since: lookedAt) >= 1_000_000_000 else { return }
        try readState()
        guard time.nanos(since: lookedAt) >= 1_000_000_000 else { return }
        lookedAt = time
        try showBacklog()
        if hasNewPositions { try writePositions() }
        showUnrealised()
    }

    /// Stores the mode that another thread has asked for, if any; one that can't be stored is asked for still.
    private func takeRequest() throws(Interruption) -> Bool {
        guard let wanted = tradingSwitch.takeRequest() else { return false }
        do throws(TradeStoreError) { try store.set(wanted) } catch {
            tradingSwitch.request(wanted)
            throw .failed("\(error)")
        }
        return true
    }

    /// Reads the mode in force, which another process may have set; while the halt's file is there it is none but halted.
    func readState() throws(Interruption) {
        let before = state.mode
        do throws(TradeStoreError) {
            if let stored = try store.tradingState() { state = stored }
            if let path = settings.haltFile, state.mode != .halted, access(path, F_OK) == 0 {
                state = TradingState(mode: .halted, reason: "the file \(path) is there", time: clocks.wall())
                try store.set(state)
            }
        } catch {
            throw .failed("\(error)")
        }
        tradingSwitch.show(state)
        metrics.mode.set(Double(state.mode.strictness))
        guard state.mode != before else { return }
        logger.notice(
            "trading is \(state.mode.rawValue)", metadata: ["reason": "\(state.reason)"])
        health.report(isReady: true, reason: "trading is \(state.mode.rawValue)")
    }

    private func showBacklog() throws(Interruption) {
        do throws(SignalSourceError) {
            let backlog = try source.backlog()
            metrics.lag.set(Double(backlog.lag ?? 0))
            metrics.pending.set(Double(backlog.pending))
            guard backlog.missed > 0 else { return }
            logger.error(
                "entries were removed from the signal stream before they were read",
                metadata: ["entries": "\(backlog.missed)"])
        } catch { throw .sourceFailed("\(error)") }
    }

    func writePositions() throws(Interruption) {
        let positions = ledger.positions
        let instruments = Set(positions.map(\.key.instrument))
        let accounts = instruments.compactMap { ledger.accountPosition(of: $0) }
        do throws(TradeStoreError) { try store.write(positions + accounts) } catch { throw .failed("\(error)") }
        for position in positions { metrics.show(position) }
        hasNewPositions = false
    }
}

/// The times a trader goes by, and how it waits.
package struct TraderClocks: Sendable {
    /// Wall clock.
    package var wall: @Sendable () -> UnixNanos = { MonotonicClock.wallClock() }
    /// For durations.
    package var monotonic: @Sendable () -> MonotonicNanos = { MonotonicClock.now() }
    /// Sleeps for so many milliseconds.
    package var pause: @Sendable (Int) -> Void = { usleep(UInt32($0) * 1_000) }

    /// The machine's.
    package init() {}
}

/// Milliseconds as nanoseconds.
func nanos(millis: Int) -> UInt64 { UInt64(max(0, millis)) * 1_000_000 }
