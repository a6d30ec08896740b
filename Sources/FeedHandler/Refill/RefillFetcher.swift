public import Journal
public import Logging
public import RingBuffer
import Synchronization
public import Telemetry
internal import ThreadExecutor
public import TradingModel

/// Asks exchanges for missing trades: a thread that takes `RefillRequest`s from one ring, performs them one after the other
/// and puts the ticks and then one `RefillEnd` for each on another.
///
/// Nobody waits for it but itself: while the answers' ring is full, it does. Each refill has `RefillPlan.limitMillis`, each
/// answer a bounded size. One way out at a time; how often it may ask, the `RequestLimiter` says.
public final class RefillFetcher: Sendable {
    private enum Life {
        case ready(RefillThread)
        case running(DedicatedThread)
        case stopped
    }

    private let signal = StopSignal()
    private let parker: Parker
    private let life: Mutex<Life>

    /// Prepares a fetcher; nothing is opened before `start`.
    ///
    /// - Parameters:
    ///   - sources: how the history of each feed's instruments is reached, by the feed's index.
    ///   - catalog: the run's instruments.
    ///   - requests: the reading end of the ring of requests; slots of another kind, or of feeds and instruments that the run
    ///     does not have, are our own mistake and trap.
    ///   - parker: where the fetcher sleeps; the ring of requests wakes it.
    ///   - answers: the writing end of the ring of ticks and ends.
    ///   - journal: the chain that keeps answers, and what is made of them, before the engine sees it; nil keeps nothing.
    ///   - limiter: holds requests back; shared by all who ask the same hosts.
    ///   - metrics: where its counters go.
    ///   - logger: takes at most a line in ten seconds, from the fetcher's thread.
    public init(
        sources: [RefillSource], catalog: MarketCatalog, requests: consuming RingConsumer, parker: Parker,
        answers: consuming RingProducer, journal: consuming ChainWriter? = nil, limiter: RequestLimiter,
        metrics: MetricsRegistry, logger: Logger
    ) {
        self.parker = parker
        let loop = RefillLoop(
            sources: sources, catalog: catalog, requests: requests, parker: parker, answers: answers, journal: journal,
            limiter: limiter, metrics: RefillMetrics(registry: metrics), logger: logger, stop: signal)
        life = Mutex(.ready(RefillThread(loop)))
    }

    /// A fetcher that is dropped without `stop` ends by itself; nobody waits for it.
    deinit {
        signal.request()
        parker.wake()
    }

    /// Starts the thread and returns at once. A second call, or one after `stop`, is our own mistake and traps.
    public func start() {
        life.withLock { life in
            guard case .ready(let thread) = life else { preconditionFailure("a fetcher is started once") }
            life = .running(DedicatedThread(name: "refill") { thread.run() })
        }
    }

    /// Ends the thread and waits for that: a moment, or up to a second while a question is under way, whose refill gets no
    /// end any more. May be called again.
    public func stop() {
        signal.request()
        parker.wake()
        let thread: DedicatedThread? = life.withLock { life in
            defer { life = .stopped }
            guard case .running(let thread) = life else { return nil }
            return thread
        }
        thread?.join()
    }
}

/// Carries the loop, which can't be copied, into its thread.
private final class RefillThread: @unchecked Sendable {
    // Unchecked: made by one thread, then used only by the fetcher's own thread, whose start orders the two.
    private var loop: RefillLoop

    init(_ loop: consuming RefillLoop) { self.loop = loop }

    func run() { loop.run() }
}
