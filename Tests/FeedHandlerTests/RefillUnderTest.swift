import FeedHandler
import Foundation
import Journal
import Logging
import RingBuffer
import Synchronization
import Telemetry
import TestSupport
import ThreadExecutor
import TradingModel

/// A fetcher between its two rings, as an engine would drive it.
final class RefillUnderTest: @unchecked Sendable {
    // Unchecked: used by one test at a time; what the fetcher's thread adds is behind the mutexes.
    let metrics = MetricsRegistry()
    let log = CollectedLog()
    /// Wakes the reader of the answers.
    let engineParker = Parker()
    private static let chain = JournalChain(.history)
    private let fetcher: RefillFetcher
    private let requests: RingProducer
    private let answers: RingConsumer
    private let files: TemporaryFolder
    private let journal: Journal
    /// What was taken off the ring so far, in order.
    private(set) var slots: [Tick] = []

    /// Asks `port` on loopback, in the clear or by TLS.
    init(
        port: Int, limiter: RequestLimiter = RequestLimiter(), capacitySlots: Int = 8_192, isTLS: Bool = false,
        caFile: String? = nil, proxyURL: String? = nil, catalog: MarketCatalog = RefillSample.catalog,
        segmentEntries: Int = 4_096, budgetBytes: Int = 2 << 30
    ) throws {
        var configuration = FeedConfiguration(
            plan: try FeedPlan(parsing: "ws://localhost/ws/btcusdt@trade"), feed: 0)
        (configuration.caFile, configuration.proxyURL) = (caFile, proxyURL)
        let host = isTLS ? "localhost" : "127.0.0.1"
        let parker = Parker()
        let requestsRing = SPSCRing(capacitySlots: 64)
        let answersRing = SPSCRing(capacitySlots: capacitySlots)
        requests = RingProducer(requestsRing, wakes: parker)
        answers = RingConsumer(answersRing)
        files = try TemporaryFolder("tickline-refill")
        journal = try Journal(
            settings: JournalSettings(folder: files.path, budgetBytes: budgetBytes, syncIntervalMillis: nil),
            plans: [ChainPlan(chain: Self.chain, segmentBytes: 4 << 20, tableEntries: segmentEntries)],
            existing: JournalFolder(path: files.path), wallClock: { UnixNanos(rawValue: 1) }, metrics: metrics,
            health: HealthRegistry().check("journal", roles: []),
            logger: Logger(label: "journal", factory: { _ in SwiftLogNoOpLogHandler() }))
        journal.start()
        fetcher = RefillFetcher(
            sources: [RefillSource(configuration, origin: RefillOrigin(host: host, port: port, isTLS: isTLS))],
            catalog: catalog, requests: RingConsumer(requestsRing), parker: parker,
            answers: RingProducer(answersRing, wakes: engineParker), journal: journal.writer(of: Self.chain),
            limiter: limiter, metrics: metrics,
            logger: Logger(label: "refill", factory: { [log] _ in log }))
    }

    deinit {
        journal.stop()
        files.remove()
    }

    /// The journal's folder as it is now.
    func journalFolder() throws -> JournalFolder { try JournalFolder(path: files.path) }

    /// The run that the journal is of.
    var run: UInt64 { journal.run }

    /// The entries of the journal's chain so far: each answer with the slots that came of it behind it.
    func journaled() throws -> [(entry: JournalEntry, segment: SegmentReader)] {
        var reader = ChainReader(Self.chain, in: try journalFolder())
        var found: [(JournalEntry, SegmentReader)] = []
        while let entry = try reader.next(), let segment = reader.segment { found.append((entry, segment)) }
        return found
    }

    func start() { fetcher.start() }
    /// Ends the fetcher, then the journal, which changes no file any more.
    func stop() {
        fetcher.stop()
        journal.stop()
    }

    func ask(_ request: RefillRequest) {
        precondition(requests.tryWrite(request.slot))
        requests.publish()
    }

    func drain(most: Int = .max) {
        while slots.count < most {
            let found = answers.peek(most: min(256, most - slots.count), as: Tick.self)
            guard !found.isEmpty else { return }
            slots += Array(found)
            answers.release(count: found.count)
        }
    }

    /// Refills that ended so far.
    var ends: [RefillEnd] {
        drain()
        return slots.compactMap { RefillEnd(slot: $0) }
    }

    /// The ticks so far.
    var ticks: [Tick] { slots.filter { $0.kind != RecordKind.refillEnd.rawValue } }

    /// Starts, asks and waits for the end.
    func refill(_ request: RefillRequest) async throws -> RefillOutcome {
        let before = ends.count
        ask(request)
        try await waitUntil("the refill's end") { ends.count > before }
        return ends[before].outcome
    }

    /// The value of one metric line, such as `tickline_refills_total{outcome="failed"}`.
    func metric(_ line: String) -> Int {
        let text = PrometheusText.render(metrics)
        let value = text.split(separator: "\n").first { $0.hasPrefix(line + " ") }?.split(separator: " ").last
        return value.flatMap { Int($0) } ?? 0
    }

    func requestCount(_ status: String) -> Int { metric("tickline_rest_requests_total{status=\"\(status)\"}") }
}

/// Keeps log lines as text.
final class CollectedLog: LogHandler, Sendable {
    private let collected = Mutex<[String]>([])

    var lines: [String] { collected.withLock { $0 } }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        collected.withLock { $0.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
    }
}

/// A server of HTTP answers on loopback that keeps its connections, one after the other.
struct HistoryServer {
    let server: ScriptedServer
    private let seen: Targets

    private final class Targets: Sendable {
        let all = Mutex<[String]>([])
    }

    /// Answers each request, by its number from 0 and its target, with what `answer` says; nil: with nothing for as long as
    /// the client stays.
    init(_ answer: @escaping @Sendable (Int, String) -> String?) {
        let seen = Targets()
        self.seen = seen
        server = ScriptedServer { _, peer in
            while let request = peer.readRequest() {
                let target = String(request.split(separator: " ").dropFirst().first ?? "")
                // Spot alone is asked for microseconds; a test sees the connection end where that is not so.
                if request.contains("X-MBX-TIME-UNIT: MICROSECOND") != target.hasPrefix("/api/") { return }
                let number = seen.all.withLock {
                    $0.append(target)
                    return $0.count - 1
                }
                guard let text = answer(number, target) else { return peer.waitForEnd() }
                guard !text.isEmpty else { return peer.reset() }
                peer.send(text)
            }
        }
    }

    var port: Int { server.port }

    /// What was asked for so far.
    var targets: [String] { seen.all.withLock { $0 } }

    func stop() { server.stop() }

    /// An answer with its length.
    static func answer(_ body: String, status: String = "200 OK", headers: [String] = []) -> String {
        (["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers).joined(separator: "\r\n")
            + "\r\n\r\n\(body)"
    }

    /// What Binance says to historicalTrades: trades from `fromId` on, of those up to `last`.
    static func trades(_ target: String, upTo last: UInt64) -> String {
        let first = UInt64(item("fromId", target))!
        let count = UInt64(item("limit", target))!
        guard first <= last else { return answer("[]") }
        return answer(RefillSample.trades(first...min(last, first + count - 1)))
    }

    /// The value of one item of a target's query; empty where there is none.
    static func item(_ name: String, _ target: String) -> String {
        let items = target.split(separator: "?").last?.split(separator: "&") ?? []
        return items.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) } ?? ""
    }
}
