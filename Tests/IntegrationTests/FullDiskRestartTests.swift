import Foundation
import Glibc
import TestSupport
import Testing

/// Fault P3 over starts: a disk that is full when a run begins, and has room again while it goes on; prints its figure.
@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: Repository.isCI || geteuid() == 0, "needs root, for a disk of its own"))
struct FullDiskRestartTests {
    private let folder = try! TemporaryFolder()
    private static let trades = 30_000
    private static let millisApart = 10

    /// With averages over one and two trades each is a signal from the third on.
    private func recording() throws -> String {
        let lines = (1...Self.trades).map { id in
            let time = 1_723_161_255_000 + id * Self.millisApart
            return
                #"{"e":"trade","E":\#(time),"s":"BTCUSDT","t":\#(id),"p":"\#(100 + id % 2).00","q":"1.0","T":\#(time),"#
                + #""m":true,"M":true}"#
        }
        let file = folder.url.appendingPathComponent("trades.ndjson")
        try (lines.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }

    private func trades(_ redis: RedisServer) throws -> [Int] {
        try redis.entries(of: "trade_signals_stream").compactMap { Int($0.fields["tickId"] ?? "") }
    }

    private func waitForTicks(_ run: RunningTickline, _ count: Double) async throws {
        let before = await run.metric("tickline_ticks_total")
        try await waitUntil("ticks: \(run.process.output.suffix(500))", timeout: .seconds(60)) {
            await run.metric("tickline_ticks_total") >= before + count
        }
    }

    @Test func `runs begun on a full disk are on disk again with the room, and a kill then loses nothing`() async throws
    {
        defer { folder.remove() }
        let disk = try TemporaryDisk(mebibytes: 200)
        defer { disk.remove() }
        let data = folder.url.appendingPathComponent("data")
        try FileManager.default.createSymbolicLink(atPath: data.path, withDestinationPath: disk.path)
        let redis = try await RedisServer(appendOnly: true)
        let exchange = try await RunningSimulator([try recording()], folder: folder.url)
        let start = { (name: String) throws in
            try RunningTickline(
                [
                    "--feed", "ws://127.0.0.1:\(exchange.port)/ws/btcusdt@trade", "--short", "1", "--long", "2",
                    "--redis", redis.url, "--store", "sqlite", "--journal-budget", "107",
                ], folder: folder.url, name: name, data: "data")
        }
        var run = try start("first")
        try await waitForTicks(run, 200)
        try disk.fill()
        for name in ["second", "third"] {
            run.process.stop(SIGKILL)
            run = try start(name)
            try await waitForTicks(run, 200)
            let readiness = await run.get("/readyz")
            #expect(readiness.status == 503 && readiness.body.contains("the disk is full"), "\(readiness.body)")
        }
        try disk.empty()
        let emptied = ContinuousClock.now
        try await waitUntil("on disk again", timeout: .seconds(20)) { await run.get("/readyz").status == 200 }
        let duration = ContinuousClock.now - emptied
        let first = try #require(try trades(redis).last)
        try await waitForTicks(run, 200)
        redis.kill()
        try await waitUntil("signals wait") { await run.metric("tickline_outbox_pending") > 50 }
        let pending = await run.metric("tickline_outbox_pending")
        run.process.stop(SIGKILL)
        try await redis.restart()
        run = try start("fourth")
        try await waitForTicks(run, 500)
        try await waitUntil("ready: \(run.process.output.suffix(500))") { await run.get("/readyz").status == 200 }
        #expect(run.process.stop() == 0)
        let published = try trades(redis)
        let last = try #require(published.last)
        #expect(published.filter { $0 >= first } == Array(first...last))
        #expect(Set(published).count == published.count)
        let verified = try Tickline.run(["journal", "verify", data.path])
        #expect(verified.status == 0, "\(verified.output.suffix(2_000))")
        let replayed = try Tickline.run(["replay", data.path])
        #expect(replayed.status == 0, "\(replayed.error.suffix(500))")
        let lines = replayed.output.split(separator: "\n").filter { $0.hasPrefix("{\"signal\"") }
        let replayedTrades = try lines.compactMap { line in
            let fields = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
            return fields?["tickId"].flatMap { Int($0) }
        }
        #expect(replayedTrades.filter { $0 >= first } == Array(first...last), "\(replayed.error.suffix(500))")
        print(
            "figure: P3 two starts on a full disk: on disk again \(duration) after there was room;",
            "killed then with \(Int(pending)) signals pending, lost \(last - first + 1 - published.count { $0 >= first })"
        )
    }
}
