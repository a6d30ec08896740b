import FeedHandler
import Journal
import Logging
import RingBuffer
import Synchronization
import Telemetry
import TestSupport
import TradingModel

/// A feed of BTCUSDT trades with its ring, as a test drives it.
final class FeedUnderTest: @unchecked Sendable {
    // Unchecked: used by one test at a time; the consumer is only touched by `drain`.
    let metrics = MetricsRegistry()
    let health: HealthCheck
    private let handler: FeedHandler
    private var consumer: RingConsumer
    /// What was drained so far, in order.
    private(set) var records: [Tick] = []

    init(
        address: String, capacitySlots: Int = 4_096, limiter: ConnectionLimiter = ConnectionLimiter(),
        journal: consuming ChainWriter? = nil, configure: (inout FeedConfiguration) -> Void = { _ in }
    ) throws {
        let plan = try FeedPlan(parsing: address)
        let ring = SPSCRing(capacitySlots: capacitySlots)
        consumer = RingConsumer(ring)
        health = HealthRegistry().check("feed", roles: [.collector])
        var configuration = FeedConfiguration(plan: plan, feed: 3)
        configure(&configuration)
        var logger = Logger(label: "feed", factory: { _ in SwiftLogNoOpLogHandler() })
        logger.logLevel = .critical
        handler = FeedHandler(
            configuration: configuration,
            catalog: MarketCatalog(instruments: FeedPlan.specifications(of: [plan]), strategies: []),
            producer: RingProducer(ring), journal: journal, metrics: metrics, health: health,
            limiter: limiter, logger: logger)
    }

    convenience init(port: Int, configure: (inout FeedConfiguration) -> Void = { _ in }) throws {
        try self.init(address: "ws://127.0.0.1:\(port)/ws/btcusdt@trade", configure: configure)
    }

    func start() { handler.start() }

    func stop() { handler.stop() }

    /// Takes at most `most` records off the ring.
    func drain(most: Int = .max) {
        while records.count < most {
            let slots = consumer.peek(most: 256, as: Tick.self)
            guard !slots.isEmpty else { return }
            records += Array(slots)
            consumer.release(count: slots.count)
        }
    }

    /// Ids of the trades so far.
    var tradeIDs: [UInt64] {
        drain()
        return records.filter { $0.kind == RecordKind.trade.rawValue }.map(\.id)
    }

    /// The session records so far.
    var sessions: [SessionRecord] {
        drain()
        return records.compactMap { SessionRecord(slot: $0) }
    }

    func waitForTrades(_ ids: ClosedRange<UInt64>) async throws {
        try await waitUntil("trades \(ids), have \(tradeIDs.count), \(health.status.reason)") {
            tradeIDs.count >= ids.count
        }
    }

    /// The value of one metric line, such as `tickline_reconnects_total{reason="lost"}`.
    func metric(_ line: String) -> Int {
        let text = PrometheusText.render(metrics)
        let value = text.split(separator: "\n").first { $0.hasPrefix(line + " ") }?.split(separator: " ").last
        return value.flatMap { Int($0) } ?? 0
    }

    /// The value of one gauge's line.
    func gauge(_ line: String) -> Double? {
        let text = PrometheusText.render(metrics)
        return text.split(separator: "\n").first { $0.hasPrefix(line + " ") }?.split(separator: " ").last
            .flatMap { Double($0) }
    }

    static func trade(_ id: UInt64) -> String {
        #"{"e":"trade","E":2,"s":"BTCUSDT","t":\#(id),"p":"\#(id).5","q":"1","T":1,"m":false,"M":true}"#
    }

    static func frames(_ ids: ClosedRange<UInt64>) -> [UInt8] { ids.flatMap { FrameBytes.text(trade($0)) } }
}
