import Glibc
public import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
public import Telemetry

/// Health, readiness and metrics over HTTP/1.1, on one event-loop thread of its own.
///
/// Paths on every listener: `/healthcheck`, `/livez`, `/readyz`, `/metrics`; on the collector's also `/`, on a trader's
/// `/trading`. Answers come from what components report to the registries. Clients are bounded by `MonitoringLimits`. Nothing
/// here is secret, but nothing is authenticated either, apart from changes of the trading mode, and the token for these goes over
/// the wire as it is: bind to loopback unless the network is trusted.
public final class MonitoringServer: Sendable {
    private enum State {
        case ready
        case starting
        case running(group: MultiThreadedEventLoopGroup, listeners: [any Channel])
        case stopped
    }

    private let listeners: [MonitoringListener]
    private let routes: MonitoringRoutes
    private let limits: MonitoringLimits
    private let logger: Logger
    private let state = Mutex(State.ready)

    /// Prepares a server; nothing is opened before `start`.
    ///
    /// `liveness` names the process's loops; each closure says whether its loop ran lately, is called on the server's
    /// thread at each `/livez` and must not block. `trading` is there where a trader runs.
    public init(
        listeners: [MonitoringListener], metrics: MetricsRegistry, health: HealthRegistry, logger: Logger,
        liveness: [(name: String, isAlive: @Sendable () -> Bool)] = [], trading: TradingControl? = nil,
        limits: MonitoringLimits = MonitoringLimits()
    ) {
        self.listeners = listeners
        routes = MonitoringRoutes(metrics: metrics, health: health, liveness: liveness, trading: trading)
        self.limits = limits
        self.logger = logger
    }

    /// Listens on all addresses, or on none.
    ///
    /// - Returns: the bound ports in the order of the listeners.
    /// - Throws: `MonitoringError` for the first address that can't be had, and `alreadyStarted` at a second call.
    public func start() async throws(MonitoringError) -> [Int] {
        let isFirst = state.withLock { state in
            guard case .ready = state else { return false }
            state = .starting
            return true
        }
        guard isFirst else { throw .alreadyStarted }

        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let table = NIOLoopBoundBox.makeBoxSendingValue(
            ConnectionTable(routes: routes, limits: limits), eventLoop: group.next())
        var channels: [any Channel] = []
        for listener in listeners {
            do {
                channels.append(try await bind(listener, group: group, table: table))
            } catch {
                await close(channels, group)
                state.withLock { $0 = .stopped }
                throw Self.explain(error, listener)
            }
        }
        let ports = channels.map { $0.localAddress?.port ?? 0 }
        state.withLock { $0 = .running(group: group, listeners: channels) }
        for (listener, port) in zip(listeners, ports) {
            logger.info(
                "monitoring listens",
                metadata: ["role": "\(listener.role.rawValue)", "host": "\(listener.host)", "port": "\(port)"])
        }
        return ports
    }

    /// Closes listeners and connections and ends the thread; returns when that is done. A second call does nothing.
    public func stop() async {
        let running: (group: MultiThreadedEventLoopGroup, listeners: [any Channel])? = state.withLock { state in
            guard case .running(let group, let listeners) = state else { return nil }
            state = .stopped
            return (group, listeners)
        }
        if let running { await close(running.listeners, running.group) }
    }

    private func bind(
        _ listener: MonitoringListener, group: MultiThreadedEventLoopGroup, table: NIOLoopBoundBox<ConnectionTable>
    ) async throws -> any Channel {
        var limit = NIOHTTPDecoderLimitConfiguration()
        limit.maxHeaderFieldSize = limits.headerBytes
        limit.maxHeaderListSize = limits.headerBytes
        limit.maxHeaderFieldCount = limits.headerCount
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // Without a free descriptor accepting fails at once, over and over: it pauses 1 s instead.
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptBackoffHandler(shouldForwardIOErrorCaught: false))
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelInitializer { [limit] channel in
                channel.eventLoop.makeCompletedFuture {
                    let connections = table.value
                    let connection = HTTPConnectionHandler(role: listener.role, shared: connections)
                    connections.admit(connection)
                    channel.closeFuture.assumeIsolated().whenComplete { _ in connections.remove(connection) }
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IncomingBytesHandler(connection: connection))
                    try pipeline.addHandler(HTTPResponseEncoder())
                    try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: limit)))
                    try pipeline.addHandler(connection)
                }
            }
            .bind(host: listener.host, port: listener.port).get()
    }

    private func close(_ listeners: [any Channel], _ group: MultiThreadedEventLoopGroup) async {
        for listener in listeners {
            do {
                try await listener.close()
            } catch {
                logger.debug("closing a listener failed", metadata: ["error": "\(error)"])
            }
        }
        do {
            // Ends the thread and closes the connections left.
            try await group.shutdownGracefully()
        } catch {
            logger.warning("the monitoring thread did not end cleanly", metadata: ["error": "\(error)"])
        }
    }

    private static func explain(_ error: any Error, _ listener: MonitoringListener) -> MonitoringError {
        guard let failure = error as? IOError else {
            return error is SocketAddressError
                ? .addressNotAvailable(listener) : .cannotListen(listener, code: 0, reason: "\(error)")
        }
        return switch failure.errnoCode {
        case EADDRINUSE: .addressInUse(listener)
        case EACCES, EPERM: .permissionDenied(listener)
        case EADDRNOTAVAIL: .addressNotAvailable(listener)
        case let code: .cannotListen(listener, code: code, reason: failure.description)
        }
    }
}
