import Execution
import FeedHandler
import Logging
import RingBuffer
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// The trader's own feed of quotes: connections of its own, and a thread that keeps the newest quote of each instrument.
final class QuoteFeed: Sendable {
    /// Quotes taken from a ring at once.
    private static let batchSlots = 256
    /// How long the thread sleeps at most: nobody waits for a stop longer.
    private static let sleepNanos: UInt64 = 100_000_000

    private let board: QuoteBoard
    private let catalog: MarketCatalog
    private let feeds: [FeedHandler]
    private let rings: [SPSCRing]
    private let parker = Parker()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<DedicatedThread?>(nil)

    /// Prepares the connections; nothing is opened before `start`.
    init(
        _ plans: [FeedPlan], settings: Settings, board: QuoteBoard, metrics: MetricsRegistry, health: HealthRegistry,
        logger: Logger
    ) throws(SettingsError) {
        self.board = board
        let specifications = try NodePlan.specifications(plans.map(\.subscription), settings, allowsOthers: true)
        catalog = MarketCatalog(
            instruments: specifications, strategies: [try NodePlan.strategy(settings) { .flag($0) }])
        let parker = parker
        rings = plans.map { _ in SPSCRing(capacitySlots: 1 << 14) }
        let limiter = ConnectionLimiter()
        let catalog = catalog
        feeds = zip(plans, rings).enumerated().map { index, pair in
            var configuration = FeedConfiguration(plan: pair.0, feed: UInt16(index))
            configuration.name = "quotes#\(index)"
            configuration.caFile = settings.caFile
            configuration.proxyURL = settings.proxy
            return FeedHandler(
                configuration: configuration, catalog: catalog, producer: RingProducer(pair.1, wakes: parker),
                metrics: metrics, health: health.check("feed:quotes#\(index)", roles: [.trader]), limiter: limiter,
                logger: logger)
        }
    }

    /// Starts the thread and the connections; once.
    func start() {
        thread.withLock { $0 = DedicatedThread(name: "quotes") { [self] in run() } }
        for feed in feeds { feed.start() }
    }

    /// Ends the connections, then the thread.
    func stop() {
        for feed in feeds { feed.stop() }
        isStopping.store(true, ordering: .releasing)
        parker.wake()
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }

    /// A ring's reading end, for an array to hold.
    private final class End {
        let ring: RingConsumer
        init(_ ring: SPSCRing) { self.ring = RingConsumer(ring) }
    }

    private func run() {
        let ends = rings.map { End($0) }
        while !isStopping.load(ordering: .acquiring) {
            var isIdle = true
            for end in ends {
                let batch = end.ring.peek(most: Self.batchSlots, as: Tick.self)
                guard !batch.isEmpty else { continue }
                isIdle = false
                for tick in batch where tick.kind == RecordKind.quote.rawValue { take(tick) }
                end.ring.release(count: batch.count)
            }
            guard isIdle else { continue }
            parker.prepare()
            if ends.contains(where: { $0.ring.occupancy > 0 }) || isStopping.load(ordering: .acquiring) {
                parker.cancel()
            } else {
                parker.wait(timeoutNanos: Self.sleepNanos)
            }
        }
    }

    private func take(_ tick: Tick) {
        let specification = catalog.instruments[Int(tick.instrument)]
        func number(_ value: Int64, _ decimals: Int) -> ExactDecimal {
            // 19 digits and 12 decimals are within what an exact decimal holds.
            ExactDecimal(mantissa: Int128(value), decimals: decimals) ?? .zero
        }
        board.update(
            specification.instrument,
            Quote(
                bidPrice: number(tick.price, specification.priceDecimals),
                bidQuantity: number(tick.quantity, specification.quantityDecimals),
                askPrice: number(tick.secondaryPrice, specification.priceDecimals),
                askQuantity: number(tick.secondaryQuantity, specification.quantityDecimals),
                receiveTime: MonotonicClock.wallClock()))
    }
}
