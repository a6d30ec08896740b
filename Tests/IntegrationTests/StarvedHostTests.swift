import ExchangeSimulator
import Foundation
import Glibc
import TestSupport
import Testing

/// A host that is short of descriptors or of processor time; each test prints its figure.
@Suite(.serialized) struct StarvedHostTests {
    let folder = try! TemporaryFolder()

    @Test func `without free descriptors the listeners pause and the feed is kept`() async throws {
        defer { folder.remove() }
        let market = try await MarketRun(.trades(rate: 500, pacing: .recorded), folder: folder.url)
        try await market.waitForTicks(200)
        let process = market.run.process.processID
        let port = try #require(market.run.collectorPort)
        let usual = try await busyShare(market)
        let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count
        try limitDescriptors(of: process, to: open + 2)
        // More than the limit leaves: the kernel completes these connections, the listener can't accept them all.
        let clients = (0..<8).compactMap { _ in LoopbackSocket.connect(port: port) }
        #expect(clients.count == 8)
        let short = try await busyShare(market)
        let answered = clients.count { Self.isAnswered($0, waitMillis: 50) }
        try limitDescriptors(of: process, to: 1_024)
        for client in clients { close(client) }
        try await waitUntil("the listener answers again") { await market.run.get("/livez").status == 200 }
        let reconnects = await market.run.metric("tickline_reconnects_total")
        let (status, counts) = try await market.stop()
        #expect(status == 0 && reconnects == 0 && counts["missing"] == 0 && counts["reconnects"] == 0)
        #expect(answered < 8, "the limit was reached")
        #expect(short < usual + 0.4, "accepting pauses, it does not go round and round")
        #expect(try market.rows("SELECT count(*) FROM ticks")[0][0] as? Int == counts["ticks"])
        print(
            "figure: P4 two descriptors left: \(answered) of 8 connections answered, feed cuts \(counts["reconnects"] ?? -1),",
            "missing \(counts["missing"] ?? -1), processors used meanwhile \(short), before \(usual)")
    }

    @Test func `many busy processes beside it cost time and no tick`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let market = try await MarketRun(
            .trades(rate: 2_000, pacing: .recorded), ["--redis", redis.url], folder: folder.url)
        try await market.waitForTicks(500)
        let busy = try (0..<8 * ProcessInfo.processInfo.activeProcessorCount).map {
            try ServerProcess("sh", ["-c", "while :; do :; done"], folder: folder.url, name: "busy\($0)")
        }
        let start = ContinuousClock.now
        try await market.waitForTicks(8_000, timeout: .seconds(120))
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        for process in busy { process.stop(SIGKILL) }
        let (status, counts) = try await market.stop()
        let ids = try redis.entries(of: "trade_signals_stream").map { $0.fields["id"] ?? "" }
        let trades = try market.trades()
        #expect(status == 0 && counts["missing"] == 0 && counts["reconnects"] == 0 && counts["dropped"] == 0)
        #expect(trades.count == counts["ticks"])
        #expect(ids == ReferenceSignals.ids(trades))
        print(
            "figure: P6 \(busy.count) busy processes for \(seconds) s: ticks \(trades.count), lost",
            "\((counts["ticks"] ?? 0) - trades.count), signals \(ids.count), lost",
            "\((counts["signals"] ?? 0) - Set(ids).count), reconnects \(counts["reconnects"] ?? -1)")
    }

    /// The share of a processor that the product uses while 500 ticks are stored.
    private func busyShare(_ market: MarketRun) async throws -> Double {
        let process = market.run.process.processID
        let (start, busy, ticks) = (ContinuousClock.now, try processorTicks(process), try market.stored())
        try await waitUntil("500 more ticks", timeout: .seconds(30)) { try market.stored() >= ticks + 500 }
        return Double(try processorTicks(process) - busy) / 100 / ((ContinuousClock.now - start) / .seconds(1))
    }

    private func limitDescriptors(of process: Int32, to count: Int) throws {
        try Command.run(["prlimit", "--pid", "\(process)", "--nofile=\(count):\(1_024)"])
    }

    /// Hundredths of a second of processor time a process used so far (proc(5), utime and stime).
    private func processorTicks(_ process: Int32) throws -> Int {
        let stat = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        // Behind the name, which may hold anything; the state is field 3.
        let fields = stat[stat.lastIndex(of: ")")!...].split(separator: " ")
        return (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)
    }

    private static func isAnswered(_ client: Int32, waitMillis: Int32) -> Bool {
        let request = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
        _ = send(client, request, request.utf8.count, Int32(MSG_NOSIGNAL))
        var wait = pollfd(fd: client, events: Int16(POLLIN), revents: 0)
        return poll(&wait, 1, waitMillis) == 1
    }
}

extension MarketRun {
    /// Ticks in the run's SQLite file so far.
    fileprivate func stored() throws -> Int { try rows("SELECT count(*) FROM ticks")[0][0] as? Int ?? 0 }
}
