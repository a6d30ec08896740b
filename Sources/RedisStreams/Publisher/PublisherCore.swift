import Glibc
import Logging
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// What the engine's sink, the publisher's thread and the owner share.
final class PublisherCore: Sendable {
    let configuration: SignalPublisherConfiguration
    let catalog: MarketCatalog
    let metrics: PublisherMetrics
    let health: HealthCheck
    /// Whether signals find room; nil where nobody asks.
    let room: HealthCheck?
    let logger: Logger
    /// The ordinal of the outbox's first position.
    let firstOrdinal: UInt64
    /// The newest entry id's milliseconds that earlier runs had acknowledged; nil where they had none.
    let recoveredMillis: UInt64?
    /// The newest entry that they had acknowledged and that can't be put back; zero for none.
    let forgotten: StreamEntryID
    /// Signals taken over from earlier runs: the first places of the outbox.
    let recoveredCount: Int
    /// What waits behind them; nil where the outbox has room for all.
    let earlier: EarlierSignals?
    /// How many ordinals of it the publisher has still to take over.
    let waiting: Atomic<UInt64>
    /// Why it can't; set once.
    let trouble = Latch<String>()
    /// Rises with each step that a publisher makes on its way to the stream's next acknowledgement.
    private let steps = Atomic<UInt64>(0)
    /// Whether signals of a run before this one wait, which that run may have handed to its socket.
    let hasRecoveredPending: Bool
    /// Told on the publisher's thread.
    let acknowledged: AcknowledgementHandler?
    let format: SignalCommandFormat
    let outbox: Outbox
    let wakeup = Wakeup()
    /// Why the stream is not being trimmed, empty while it is; the trimmer's word for the publisher's readiness.
    let trimTrouble = Mutex("")
    /// Which master is in use, and which has taken its place.
    struct Masters {
        /// The server of the publisher's connection; the publisher writes it.
        var current: RedisEndpoint?
        /// Another master most sentinels name by now; `MasterWatch` writes it.
        var successor: RedisEndpoint?
    }

    /// What publisher and `MasterWatch` tell each other; without sentinels nobody looks at it.
    let masters = Mutex(Masters())
    /// What the tail held when the stream was first read.
    let synchronised = Latch<[PublishedSign]>()
    /// Set when the publisher's thread has ended: signals left without acknowledgement.
    let finished = Latch<Int>()
    private let stopAtNanos = Atomic<UInt64>(0)

    init(
        configuration: SignalPublisherConfiguration, catalog: MarketCatalog, firstOrdinal: UInt64,
        recovered: RecoveredSignals, earlier: EarlierSignals? = nil, acknowledged: AcknowledgementHandler?,
        metrics: MetricsRegistry, health: HealthCheck, room: HealthCheck? = nil, logger: Logger
    ) {
        self.earlier = earlier
        waiting = Atomic(UInt64(earlier?.waiting.count ?? 0))
        self.configuration = configuration
        self.catalog = catalog
        self.metrics = PublisherMetrics(metrics)
        self.health = health
        self.room = room
        self.logger = logger
        self.firstOrdinal = firstOrdinal
        self.acknowledged = acknowledged
        format = SignalCommandFormat(configuration: configuration, catalog: catalog)
        let formats = recovered.parts.map { SignalCommandFormat(configuration: configuration, catalog: $0.catalog) }
        outbox = Outbox(
            capacity: configuration.outboxCapacity,
            slotBytes: (earlier?.catalogs ?? []).reduce(
                formats.reduce(format.mostCommandBytes) { max($0, $1.mostCommandBytes) }
            ) {
                max($0, SignalCommandFormat(configuration: configuration, catalog: $1).mostCommandBytes)
            },
            knownIdentifiers: configuration.tailEntries + max(recovered.count, earlier?.pageSignals ?? 0))
        recoveredCount = recovered.count
        forgotten =
            recovered.forgotten.map { StreamEntryID(millis: $0.entryMillis, sequence: $0.entrySequence) } ?? .zero
        for (part, format) in zip(recovered.parts, formats) {
            for signal in part.signals { outbox.recover(signal, by: format) }
        }
        outbox.recover(
            recovered.acknowledgements, firstOrdinal: firstOrdinal, nowNanos: MonotonicClock.now().rawValue)
        hasRecoveredPending = outbox.pending > 0 || earlier != nil
        let newest = recovered.acknowledgements.map(\.entryMillis) + [recovered.newestEntryMillis].compactMap(\.self)
        // Signals without any acknowledgement may stand anywhere in the stream.
        recoveredMillis = newest.max() ?? (recovered.count > 0 || earlier != nil ? 0 : nil)
    }

    /// Asks all threads to end: at once where nothing is pending, else at the deadline. Any thread.
    func stop(within timeout: Duration) {
        let (seconds, attoseconds) = timeout.components
        let nanos = UInt64(max(0, seconds)) &* 1_000_000_000 &+ UInt64(max(0, attoseconds) / 1_000_000_000)
        // releasing / acquiring: nothing else travels with it, but stopping should not be seen late.
        stopAtNanos.store(max(1, MonotonicClock.now().rawValue &+ nanos), ordering: .releasing)
        wakeup.wake()
    }

    /// A step is made. Publisher's thread.
    func noteProgress() { steps.add(1, ordering: .relaxed) }

    /// Changes while the publisher gets on, by acknowledgements or by what has to be done before the next one; any thread.
    var progress: UInt64 { steps.load(ordering: .relaxed) &+ outbox.acknowledged }

    /// Whether `stop` was called.
    var isStopRequested: Bool { stopAtNanos.load(ordering: .acquiring) != 0 }

    /// Waits so long on a thread that has nothing else to wait for; false once `stop` was called.
    func sleepUnlessStopping(millis: Int) -> Bool {
        let deadline = Deadline(afterMillis: millis)
        while !isStopRequested, deadline.millisLeft > 0 {
            // No descriptors: a bounded sleep. EINTR shortens it, which the deadline makes good.
            _ = poll(nil, 0, Int32(min(deadline.millisLeft, PublisherLoop.longestWaitMillis)))
        }
        return !isStopRequested
    }

    /// Whether the time for draining is over.
    var isStopDue: Bool {
        let at = stopAtNanos.load(ordering: .acquiring)
        return at != 0 && MonotonicClock.now().rawValue >= at
    }
}
