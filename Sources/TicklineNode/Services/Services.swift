import FeedHandler
import Logging
import Monitoring
import ServiceLifecycle
import Synchronization
import TradingModel

// The services of a run, in starting order. They are stopped in the reverse order: feeds, refill, engine, publisher,
// store, monitoring; so each drains what those before it still hand over. Each drain has a limit of its own, and their sum stays
// below the five seconds a stop may take.

/// HTTP listeners: first up, last down.
struct MonitoringService: Service {
    let server: MonitoringServer

    func run() async throws {
        try? await gracefulShutdown()  // A cancelled wait is the second signal: the same way out.
        await server.stop()
    }
}

/// The journal's thread: up before anything is written, down after.
struct JournalService: Service {
    let journal: NodeJournal

    func run() async throws {
        try? await gracefulShutdown()  // as above
        await offCooperativePool { journal.stop() }
    }
}

/// The thread behind the record ring or behind the signal sink: it drains what the engine has handed over.
struct DrainingService: Service {
    let start: @Sendable () -> Void
    /// Ends the thread within a time and returns how much is left.
    let drainAndStop: @Sendable (Duration) async -> Int
    let limit: Duration
    /// What to tell the operator about what is left.
    let leftBehind: Logger.Message
    let logger: Logger

    func run() async throws {
        start()
        try? await gracefulShutdown()  // as above
        let left = await drainAndStop(limit)
        if left > 0 { logger.error(leftBehind, metadata: ["count": "\(left)"]) }
    }
}

/// The engine's thread.
struct EngineService: Service {
    static let drainLimit = Duration.milliseconds(500)
    let engine: EngineHandle
    let logger: Logger

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await engine.run() }
            try? await gracefulShutdown()  // as above
            await engine.stop()
            let timer = Task {
                try await Task.sleep(for: Self.drainLimit)
                // A sink without room (Redis down, outbox full) keeps ticks in the rings; they are not waited for.
                logger.error("ticks left undecided at the end: the signal outbox is full")
                await engine.abandon()
            }
            await group.waitForAll()
            timer.cancel()
            _ = await timer.result
        }
        engine.shutdown()
    }
}

/// The thread that asks the exchange's history.
struct RefillService: Service {
    let fetcher: RefillFetcher

    func run() async throws {
        fetcher.start()
        try? await gracefulShutdown()  // as above
        await offCooperativePool { fetcher.stop() }
    }
}

/// The feeds' threads; they start once it is known what the stream already holds.
struct FeedService: Service {
    /// How long feeds wait for the stream's tail before they start without it: a start is to take less than two seconds. What it
    /// would tell the engine is in the journal's state as well.
    static let synchronisationLimit = Duration.seconds(1)
    let feeds: [FeedHandler]
    let publishedSignsWithin: @Sendable (Duration) async -> [PublishedSign]?
    let engine: EngineHandle
    let logger: Logger

    func run() async throws {
        if let signs = await publishedSigns() {
            await engine.adopt(signs)
        } else if Task.isShuttingDownGracefully {
            return
        } else {
            logger.warning("Redis did not answer in time; starting without the stream's last signals")
        }
        for feed in feeds { feed.start() }
        try? await gracefulShutdown()  // as above
        await offCooperativePool { for feed in feeds { feed.stop() } }
    }

    /// The newest signals of the stream; nil where it did not answer in time or a stop came first.
    private func publishedSigns() async -> [PublishedSign]? {
        let deadline = ContinuousClock.now + Self.synchronisationLimit
        while ContinuousClock.now < deadline, !Task.isShuttingDownGracefully {
            if let signs = await publishedSignsWithin(.milliseconds(100)) { return signs }
        }
        return nil
    }
}
