public import Journal
public import Logging
public import RingBuffer
import Synchronization
public import Telemetry
internal import ThreadExecutor
public import TradingModel

/// One feed: a thread that keeps a websocket to an exchange open and puts its ticks on a ring.
///
/// All ticks of one read are published in one batch, stamped with the monotonic time at which the read returned; session
/// records at open, close and clock moves turn that into wall-clock time. When the ring is full reading stops, so the
/// exchange is held back by TCP and nothing is dropped. Lost connections are replaced without limit, after growing waits.
public final class FeedHandler: Sendable {
    private enum Life {
        case ready(FeedThread)
        case running(DedicatedThread)
        case stopped
    }

    private let signal = StopSignal()
    private let life: Mutex<Life>
    private let threadName: String
    private let processor: Int?

    /// Prepares a feed; nothing is opened before `start`.
    ///
    /// - Parameters:
    ///   - configuration: its settings.
    ///   - catalog: the run's instruments; the feed decodes those of its exchange and counts others as unknown.
    ///   - producer: the writing end of the feed's ring.
    ///   - journal: the feed's chain, into which it reads; nil to keep nothing.
    ///   - metrics: where its counters go.
    ///   - health: its check: ready while connected with all streams there, else what is missing or the last error.
    ///   - limiter: holds connection attempts back; shared by all feeds of the process.
    ///   - lane: where the feed has two connections, which of them this is; nil: the only one.
    ///   - logger: takes cold events only, from the feed's thread.
    public init(
        configuration: FeedConfiguration, catalog: MarketCatalog, producer: consuming RingProducer,
        journal: consuming ChainWriter? = nil, metrics: MetricsRegistry, health: HealthCheck,
        limiter: ConnectionLimiter, lane: FeedLane? = nil, logger: Logger
    ) {
        lane?.overlap.attach(signal, as: lane?.index ?? 0)
        threadName = "feed-\(configuration.feed)"
        processor = configuration.processor
        let loop = FeedLoop(
            configuration: configuration, catalog: catalog, producer: producer, journal: journal, metrics: metrics,
            health: health, limiter: limiter, lane: lane, logger: logger, stop: signal)
        life = Mutex(.ready(FeedThread(loop)))
    }

    /// A feed that is dropped without `stop` ends by itself; nobody waits for it.
    deinit { signal.request() }

    /// Starts the thread and returns at once. A second call, or one after `stop`, is our own mistake and traps.
    public func start() {
        life.withLock { life in
            guard case .ready(let thread) = life else { preconditionFailure("a feed is started once") }
            life = .running(DedicatedThread(name: threadName, processor: processor) { thread.run() })
        }
    }

    /// Stops reading, says good-bye, publishes what was decoded and waits for the thread's end: a moment, or up to a second
    /// while a connection attempt is under way. May be called again.
    public func stop() {
        signal.request()
        let thread: DedicatedThread? = life.withLock { life in
            defer { life = .stopped }
            guard case .running(let thread) = life else { return nil }
            return thread
        }
        thread?.join()
    }
}

/// Carries the loop, which can't be copied, into its thread.
private final class FeedThread: @unchecked Sendable {
    // Unchecked: made by one thread, then used only by the feed's own thread, whose start orders the two.
    private var loop: FeedLoop

    init(_ loop: consuming FeedLoop) { self.loop = loop }

    func run() { loop.run() }
}
