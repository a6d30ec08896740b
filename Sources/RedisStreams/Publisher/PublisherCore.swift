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
    let logger: Logger
    /// The ordinal of the outbox's first position.
    let firstOrdinal: UInt64
    /// The newest entry id's milliseconds that earlier runs had acknowledged; nil where they had none.
    let recoveredMillis: UInt64?
    /// Signals taken over from earlier runs: the first places of the outbox.
    let recoveredCount: Int
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
        recovered: RecoveredSignals, acknowledged: AcknowledgementHandler?, metrics: MetricsRegistry,
        health: HealthCheck, logger: Logger
    ) {
        self.configuration = configuration
        self.catalog = catalog
        self.metrics = PublisherMetrics(metrics)
        self.health = health
        self.logger = logger
        self.firstOrdinal = firstOrdinal
        self.acknowledged = acknowledged
        format = SignalCommandFormat(configuration: configuration, catalog: catalog)
        let formats = recovered.parts.map { SignalCommandFormat(configuration: configuration, catalog: $0.catalog) }
        outbox = Outbox(
            capacity: configuration.outboxCapacity,
            slotBytes: formats.reduce(format.mostCommandBytes) { max($0, $1.mostCommandBytes) },
            knownIdentifiers: configuration.tailEntries + recovered.count)
        recoveredCount = recovered.count
        for (part, format) in zip(recovered.parts, formats) {
            for signal in part.signals { outbox.recover(signal, by: format) }
        }
        outbox.recover(
            recovered.acknowledgements, firstOrdinal: firstOrdinal, nowNanos: MonotonicClock.now().rawValue)
        hasRecoveredPending = outbox.pending > 0
        let newest = recovered.acknowledgements.map(\.entryMillis) + [recovered.newestEntryMillis].compactMap(\.self)
        // Signals without any acknowledgement may stand anywhere in the stream.
        recoveredMillis = newest.max() ?? (recovered.count > 0 ? 0 : nil)
    }

    /// Asks all threads to end: at once where nothing is pending, else at the deadline. Any thread.
    func stop(within timeout: Duration) {
        let (seconds, attoseconds) = timeout.components
        let nanos = UInt64(max(0, seconds)) &* 1_000_000_000 &+ UInt64(max(0, attoseconds) / 1_000_000_000)
        // releasing / acquiring: nothing else travels with it, but stopping should not be seen late.
        stopAtNanos.store(max(1, MonotonicClock.now().rawValue &+ nanos), ordering: .releasing)
        wakeup.wake()
    }

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
