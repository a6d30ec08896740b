public import Logging
import Synchronization
public import Telemetry
import ThreadExecutor
public import TradingModel

/// Publishes signals to a Redis stream, each exactly once, in order.
///
/// The engine's thread writes to the socket itself through the `RedisSignalSink`; a thread of the publisher's own connects,
/// logs in, reads the stream back, resends, reads replies and keeps what is not acknowledged. A second thread trims the
/// stream where that is configured, a third one watches for another master where sentinels are given. While Redis fails, signals wait in the outbox, readiness says why, and attempts go on.
public final class SignalPublisher: Sendable {
    private let core: PublisherCore
    private let threads = Mutex<[DedicatedThread]>([])
    private let hasSink = Atomic<Bool>(false)

    /// Checks the settings and allocates everything: `outboxCapacity` slots of some 700 bytes. No I/O yet.
    ///
    /// What `recovered` holds is compared with the stream and, where it is not there, sent before anything new; more of it
    /// than `outboxCapacity` is our own mistake and traps; `earlier` are those behind it that have no room. `firstOrdinal` is the
    /// ordinal of the first recovered signal, or
    /// without any of the first one published; those that follow rise by one. `acknowledged` is told of every signal the
    /// stream holds, those found there and those in conflict with what is there included. `room` is not ready while the outbox is
    /// full and the engine takes no ticks because of it.
    /// - Throws: `invalidSetting`.
    public init(
        configuration: SignalPublisherConfiguration, catalog: MarketCatalog, firstOrdinal: UInt64 = 1,
        recovered: RecoveredSignals = RecoveredSignals(), earlier: EarlierSignals? = nil,
        acknowledged: AcknowledgementHandler? = nil, metrics: MetricsRegistry, health: HealthCheck,
        room: HealthCheck? = nil,
        logger: Logger
    ) throws(RedisStreamsError) {
        try configuration.validate()
        core = PublisherCore(
            configuration: configuration, catalog: catalog, firstOrdinal: firstOrdinal, recovered: recovered,
            earlier: earlier, acknowledged: acknowledged, metrics: metrics, health: health, room: room,
            logger: logger)
    }

    /// The engine's end. There is one; asking for a second is our own mistake and traps.
    public func makeSink() -> RedisSignalSink {
        precondition(!hasSink.exchange(true, ordering: .relaxed), "a publisher has one sink")
        return RedisSignalSink(core: core)
    }

    /// Starts the publisher's thread and, where configured, the trimmer's; once, a second call traps. Does not wait.
    public func start() {
        threads.withLock { threads in
            precondition(threads.isEmpty, "a publisher is started once")
            threads.append(DedicatedThread(name: "redis-publish") { [core] in PublisherLoop(core).run() })
            if let trim = core.configuration.trim {
                threads.append(DedicatedThread(name: "redis-trim") { [core] in StreamTrimmer(core, trim).run() })
            }
            if case .sentinels = core.configuration.endpoint.transport {
                threads.append(DedicatedThread(name: "redis-sentinel") { [core] in MasterWatch(core).run() })
            }
        }
    }

    /// The newest signal of each (instrument, strategy) in the stream's tail; nil before it was read. Any thread.
    package var knownSigns: [PublishedSign]? { core.synchronised.value }

    /// Waits until the stream's tail has been read for the first time.
    ///
    /// - Returns: the newest signal of each (instrument, strategy) in the tail; nil where Redis was not reachable within
    ///   `timeout` (the publisher goes on trying).
    public func waitUntilSynchronised(timeout: Duration) async -> [PublishedSign]? {
        await core.synchronised.value(within: timeout)
    }

    /// Signals Redis has not acknowledged. Any thread.
    public var pendingSignals: Int { core.outbox.pending }

    /// Signals taken so far, those of `earlier` that wait included, and those of them that Redis has acknowledged, which are the
    /// first. Any thread.
    public var takenSignals: (count: UInt64, acknowledged: UInt64) {
        // acknowledged first, so that it cannot be the newer of the two; then what waits, which goes over to the outbox.
        let acknowledged = core.outbox.acknowledged
        let waiting = waitingSignals
        return (waiting + core.outbox.head, acknowledged)
    }

    /// Ordinals of `earlier` that are not in the outbox yet; the sink is not to be used before there are none. Any thread.
    package var waitingSignals: UInt64 {
        // acquiring: see where it is stored.
        core.waiting.load(ordering: .acquiring)
    }

    /// Changes while the publisher gets on with what it has: it is acknowledged, or compared with the stream. Any thread.
    package var progress: UInt64 { core.progress }

    /// Why what waits can't be taken over; nil while nothing is known to be in the way. Any thread.
    package var trouble: String? { core.trouble.value }

    /// Ends the threads as soon as every signal is acknowledged, or after `timeout`. The engine must have stopped.
    ///
    /// Once, on a started publisher; a second call traps. Where a thread is stuck in the system's name resolver it is
    /// left behind after one further second.
    /// - Returns: signals left unacknowledged; they may or may not be in the stream.
    public func drainAndStop(timeout: Duration) async -> Int {
        let threads = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        precondition(!threads.isEmpty, "a publisher is stopped once, after its start")
        core.stop(within: timeout)
        // A caller that is cancelled waits all the same: what the threads write to must outlive them.
        let waiting = Task { [core] in await core.finished.value(within: timeout + .seconds(1)) }
        guard let left = await waiting.value else { return core.outbox.pending }
        // Both threads look at the stop request at least every 250 ms; the publisher's has ended.
        for thread in threads { thread.join() }
        return left
    }
}
