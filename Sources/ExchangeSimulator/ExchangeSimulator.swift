internal import Foundation
public import Logging
internal import MarketRecording
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A websocket server that speaks Binance's market streams from recorded files or a synthetic market, and can misbehave.
///
/// The replay starts with the first connection that asks for a stream the source has. In the timed modes it then runs on
/// whether or not clients are connected, so a client that comes back has missed what passed; as fast as possible, it
/// advances only while there are subscribers, at the speed of the slowest. Each subscriber gets every message of its
/// streams. At the end connections stay open and silent; once all clients have gone, the next connection starts the
/// replay anew. A stream the source lacks is silent.
///
/// The same port answers `GET /api/v3/historicalTrades`, `/api/v3/aggTrades` and `/fapi/v1/aggTrades` from the trades the
/// replay has passed (`TradeHistory`): of each symbol the newest, whatever faults kept from its stream.
///
/// It misbehaves by `SimulatorConfiguration.faults`, by `inject`, and by the lines of a `POST /faults` on its port.
///
/// All methods may be called from any thread. The work happens on one event-loop thread of its own.
public final class ExchangeSimulator: Sendable {
    private enum Lifecycle {
        case idle
        case starting
        case running(core: SimulatorCore, listener: any Channel)
        case stopped
    }

    /// Bytes NIO holds for one client before it counts as not writable, and at which it is writable again.
    private static let writeBufferWaterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 128 << 10, high: 512 << 10)
    /// How long `stop()` waits for clients to answer the close frame.
    private static let farewellTimeout = TimeAmount.seconds(1)

    private let configuration: SimulatorConfiguration
    private let logger: Logger
    private let ledger: (@Sendable (LedgerEntry) -> Void)?
    private let restLedger: (@Sendable (RESTLedgerEntry) -> Void)?
    private let onFinish: (@Sendable (SimulatorStatistics) -> Void)?
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let published = PublishedStatistics()
    private let lifecycle = Mutex(Lifecycle.idle)

    /// A simulator that does not listen yet.
    ///
    /// - Parameters:
    ///   - ledger: called on the event-loop thread for each data frame; it must return quickly.
    ///   - restLedger: the same for each answer of the trade history.
    ///   - onFinish: called on the event-loop thread each time a replay reaches its end.
    public init(
        configuration: SimulatorConfiguration, logger: Logger, ledger: (@Sendable (LedgerEntry) -> Void)? = nil,
        restLedger: (@Sendable (RESTLedgerEntry) -> Void)? = nil,
        onFinish: (@Sendable (SimulatorStatistics) -> Void)? = nil
    ) {
        self.configuration = configuration
        self.logger = logger
        self.ledger = ledger
        self.restLedger = restLedger
        self.onFinish = onFinish
    }

    deinit {
        // Without `stop()` the thread would stay; nobody is left to hear of an error.
        group.shutdownGracefully { _ in }
    }

    /// Counts now; consistent among themselves, at most one batch old.
    public var statistics: SimulatorStatistics { published.load() }

    /// Loads the source, listens and returns the port. Loading takes about a second per 30 MB of uncompressed recordings.
    ///
    /// - Throws: `SimulatorError` for settings, files and the address; the simulator then can't be started again.
    public func start() async throws(SimulatorError) -> Int {
        let isFirst = lifecycle.withLock { state in
            guard case .idle = state else { return false }
            state = .starting
            return true
        }
        guard isFirst else { throw .alreadyStarted }
        try configuration.validate()
        let source = try makeSource()
        let core = SimulatorCore(
            configuration: configuration, source: source, eventLoop: group.next(), published: published,
            logger: logger, ledger: ledger, restLedger: restLedger, onFinish: onFinish)
        try await inject(configuration.faults, into: core)
        let listener = try await listen(core)
        guard let port = listener.localAddress?.port else {
            throw .cannotListen(host: configuration.host, port: configuration.port, reason: "no local address")
        }
        let wasStopped = lifecycle.withLock { state in
            guard case .starting = state else { return true }
            state = .running(core: core, listener: listener)
            return false
        }
        if wasStopped {
            // The group's shutdown in `stop()` closes the listener too.
            listener.close(promise: nil)
            throw .alreadyStarted
        }
        logger.info(
            "listening",
            metadata: [
                "address": "ws://\(configuration.host):\(port)", "streams": "\(source.streams.count)",
            ])
        return port
    }

    /// Closes all connections (1001), the listener and the event loop. A second call does nothing.
    public func stop() async {
        let before = lifecycle.withLock { state in
            let before = state
            state = .stopped
            return before
        }
        switch before {
        case .stopped: return
        case .running(let core, let listener):
            listener.close(promise: nil)
            let loop = core.eventLoop
            // Neither step can fail: the loop runs until the shutdown below.
            _ = try? await loop.submit { core.stop() }.get()
            let published = self.published
            _ = try? await Self.emptied(published, on: loop).get()
        case .idle, .starting: break
        }
        await withCheckedContinuation { continuation in
            group.shutdownGracefully { [logger] error in
                if let error { logger.warning("event loop did not stop cleanly", metadata: ["error": "\(error)"]) }
                continuation.resume()
            }
        }
    }

    /// Misbehaves, at once or by the rule's trigger, in addition to what was asked for before.
    ///
    /// Returns when what happens at once has happened (a cut) or waits for its messages (a gap).
    ///
    /// - Throws: `unknownStream`, `tooManyFaults`; `invalidSetting` for numbers out of range or when not running.
    public func inject(_ rule: FaultRule) async throws(SimulatorError) {
        guard let core = runningCore else { throw .invalidSetting("the simulator does not run; start it first") }
        try await inject([rule], into: core)
    }

    /// Misbehaves at once; `stream` is the one whose messages suffer, nil the one of the next message.
    public func inject(_ fault: ExchangeFault, on stream: String? = nil) async throws(SimulatorError) {
        try await inject(FaultRule(fault, on: stream))
    }

    private func inject(_ rules: [FaultRule], into core: SimulatorCore) async throws(SimulatorError) {
        let result: Result<Void, SimulatorError>
        do {
            result = try await core.eventLoop.submit { () -> Result<Void, SimulatorError> in
                Result { () throws(SimulatorError) in try core.inject(rules) }
            }.get()
        } catch {
            throw .invalidSetting("the simulator does not run; start it first")
        }
        try result.get()
    }

    private var runningCore: SimulatorCore? {
        lifecycle.withLock { state in
            guard case .running(let core, _) = state else { return nil }
            return core
        }
    }

    // MARK: Start

    private func makeSource() throws(SimulatorError) -> any MessageSource {
        switch configuration.source {
        case .synthetic(let market): return SyntheticGenerator(market, wallNanos: WallClock.nowNanos())
        case .recordings(let paths):
            guard !paths.isEmpty else { throw .emptySource }
            let recording: Recording
            do throws(RecordingError) {
                recording = try Recording(
                    paths: paths, isTimed: configuration.pacing != .asFastAsPossible,
                    limitBytes: configuration.maximumRecordingBytes)
            } catch { throw .recording(error) }
            let span = (recording.messages.last?.arrivalNanos ?? 0) &- (recording.messages.first?.arrivalNanos ?? 0)
            logger.info(
                "recordings loaded",
                metadata: [
                    "messages": "\(recording.messages.count)", "unattributed": "\(recording.unattributedMessages)",
                    "seconds": "\(span / 1_000_000_000)",
                ])
            return RecordingPlayer(recording)
        }
    }

    private func listen(_ core: SimulatorCore) async throws(SimulatorError) -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 128)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: Self.writeBufferWaterMark)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try WebSocketUpgrade.configure(channel, core: core) }
            }
        let (host, port) = (configuration.host, configuration.port)
        do {
            return try await bootstrap.bind(host: host, port: port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw .addressInUse(host: host, port: port)
        } catch {
            throw .cannotListen(host: host, port: port, reason: "\(error)")
        }
    }

    /// Completes when no connection is left or the farewell has lasted long enough.
    private static func emptied(_ published: PublishedStatistics, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let done = loop.makePromise(of: Void.self)
        let deadline = NIODeadline.now() + farewellTimeout
        loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(2)) { task in
            guard published.load().connectionsOpen == 0 || NIODeadline.now() > deadline else { return }
            task.cancel()
            done.succeed()
        }
        return done.futureResult
    }
}
