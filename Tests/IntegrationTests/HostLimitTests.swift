import Foundation
import Glibc
import TestSupport
import Testing

/// Faults P3 and P5 on a running product: a disk that refuses the journal, and a limit on memory; each test prints its
/// figure.
@Suite(.serialized, .timeLimit(.minutes(5))) struct HostLimitTests {
    let folder = try! TemporaryFolder()
    private static let ticks = 200_000

    private func start(
        _ count: Int, _ arguments: [String], name: String, launcher: [String] = []
    ) throws -> (BurstServer, RunningTickline) {
        let server = BurstServer(count: count)
        let feed = ["--feed", "ws://127.0.0.1:\(server.port)/ws/btcusdt@trade", "--short", "5", "--long", "20"]
        return (
            server,
            try RunningTickline(feed + arguments, folder: folder.url, name: name, data: name, launcher: launcher)
        )
    }

    private func counts(_ name: String) throws -> [String: Int] {
        let data = try Data(contentsOf: folder.url.appendingPathComponent("\(name).json"))
        return (try JSONSerialization.jsonObject(with: data) as? [String: Any])?["counts"] as? [String: Int] ?? [:]
    }

    @Test(
        .enabled(if: SystemCallFault.shouldRun, "needs strace"),
        arguments: [
            ("ENOSPC", "fallocate"), ("EIO", "openat"), ("EIO", "fdatasync"),
        ])
    func `the journal's disk refuses and decisions go on, all published, and a killed run comes up again`(
        error: String, call: String
    ) async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let arguments = ["--redis", redis.url, "--store", "none", "--signal-stream"]
        let (_, control) = try start(Self.ticks, arguments + ["control", "--journal", "off"], name: "control")
        try await waitUntil("control", timeout: .seconds(60)) {
            await control.metric("tickline_ticks_total") == Double(Self.ticks)
        }
        #expect(control.process.stop() == 0)
        // Of each chain the first segments can be made, those behind not.
        let journal = folder.url.appendingPathComponent("run/journal").path
        let segments = ["feed-0", "engine-0", "history-0", "acknowledgements-0"].flatMap { chain in
            ((call == "fdatasync" ? 1 : 4)...40).map { "\(journal)/\(chain).\(String(format: "%012d", $0)).segment" }
        }
        // Until it has its size a segment has another name.
        let refused = segments + segments.map { "\($0).new" }
        let fault = SystemCallFault.error(error, of: call, paths: refused)
        let log = folder.url.appendingPathComponent("calls")
        let (_, run) = try start(Self.ticks, arguments + ["run"], name: "run", launcher: fault.launcher(log: log))
        try await waitUntil("all ticks: \(run.process.output.suffix(500))", timeout: .seconds(90)) {
            await run.metric("tickline_ticks_total") == Double(Self.ticks)
        }
        try await waitUntil("not ready") {
            let readiness = await run.get("/readyz")
            return readiness.status == 503 && readiness.body.contains("journal")
        }
        try await waitUntil("all signals published") { await run.metric("tickline_outbox_pending") == 0 }
        let inMemory = await run.metric("tickline_dropped_total", labels: "journal_segment")
        let errors = await run.metric("tickline_journal_errors_total")
        let ids = try redis.entries(of: "run").map { $0.fields["id"] ?? "" }
        #expect(try ids == redis.entries(of: "control").map { $0.fields["id"] ?? "" } && !ids.isEmpty)
        #expect((inMemory > 0) == (call != "fdatasync") && errors > 0)
        run.process.stop(SIGKILL)
        let (_, again) = try start(1_000, arguments + ["run"], name: "run")
        try await waitUntil("up again: \(again.process.output.suffix(500))") {
            await again.metric("tickline_ticks_repeated_total") + again.metric("tickline_ticks_total") >= 1_000
        }
        #expect(again.process.stop() == 0)
        let after = try redis.entries(of: "run").map { $0.fields["id"] ?? "" }
        #expect(after.starts(with: ids) && Set(after).count == after.count)
        print(
            "figure: P3 \(error) at \(call): ticks \(Self.ticks), signals \(ids.count), lost 0, segments in memory",
            "\(Int(inMemory)), errors counted \(Int(errors)); up again after a SIGKILL, doubled",
            "\(after.count - Set(after).count)")
    }

    @Test(.enabled(if: MemoryLimit.shouldRun, "needs root and a memory control group"))
    func `a burst of a million ticks stays within 128 MiB`() async throws {
        defer { folder.remove() }
        let limit = try MemoryLimit(mebibytes: 128)
        defer { limit.remove() }
        let (server, run) = try start(1_000_000, [], name: "run", launcher: limit.launcher)
        try await waitUntil("all ticks", timeout: .seconds(180)) {
            guard run.process.isRunning else { throw ConditionTimeout(description: "killed: \(limit.kills) kills") }
            return await run.metric("tickline_ticks_total") == 1_000_000
        }
        let peak = try limit.peakBytes
        let kills = limit.kills
        #expect(run.process.stop() == 0 && server.sent != nil)
        let end = try counts("run")
        #expect(kills == 0 && end["missing"] == 0 && end["reconnects"] == 0)
        print(
            "figure: P5 128 MiB, 1,000,000 ticks: kills \(kills), peak \(peak >> 20) MiB with the files' pages, lost",
            "\(1_000_000 - (end["ticks"] ?? 0)), not stored \(end["dropped"] ?? -1)")
    }
}
