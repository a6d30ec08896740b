import Foundation
import RingBuffer
import StoreWriter
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import MongoStore

/// Servers that are slow, fail commands or run out of disk; each test prints its figure.
@Suite(.serialized, .enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
struct MongoFaultTests {
    /// Starts a server with a fail point on inserts.
    private func fail(_ server: MongoServer, mode: String, _ data: String) throws {
        try server.run(
            #"""
            {"configureFailPoint": "failCommand", "mode": \#(mode), "data": {"failCommands": ["insert"], \#(data)}}
            """#, database: "admin")
    }

    /// This process's resident size, bytes.
    private func residentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return (line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }

    @Test func `a slow server gets large batches, and what the ring took is all there`() async throws {
        let server = try MongoServer()
        defer { server.remove() }
        try await server.start()
        let run = try WriterRun(server.uri, capacitySlots: 1 << 14)
        var next: UInt64 = 1
        try await run.publish(from: &next, perSecond: 5_000) { _ in run.stored >= 2_000 }
        let usual = (records: run.stored, batches: run.total("tickline_store_batches_total"))
        let memory = try residentBytes()
        try fail(server, mode: #""alwaysOn""#, #""blockConnection": true, "blockTimeMS": 300"#)
        var refused = 0
        // The ring's whole capacity and more, at once.
        for _ in 0..<20_000 {
            let isTaken = run.producer.tryWrite(SampleMarket.tick(next))
            if isTaken { next += 1 } else { refused += 1 }
        }
        run.producer.publishQuietly()
        #expect(refused > 0)
        let taken = Int(next - 1)
        try await waitUntil("all is stored", timeout: .seconds(60)) { run.stored == taken }
        let grown = try residentBytes() - memory
        let batches = run.total("tickline_store_batches_total") - usual.batches
        #expect(batches <= 8, "1,000, 2,000 and then 4,000 at a time")
        #expect(grown < 64 << 20)
        #expect(run.writer.drainAndStop(timeout: .seconds(10)) == 0)
        #expect(try server.count("ticks") == taken)
        print(
            "figure: M2 300 ms for each insert: \(taken - usual.records) records in \(batches) batches (before",
            "\(usual.records) in \(usual.batches)), refused by the full ring \(refused), lost",
            "\(taken - (try server.count("ticks"))), memory grown \(grown >> 10) KiB")
    }

    @Test(.enabled(if: Namespaces.shouldRun, "mounting needs root"))
    func `a server whose disk is full, and which ends of it, gets everything once there is space`() async throws {
        let disk = try TemporaryDisk(mebibytes: 192)
        defer { disk.remove() }
        // Small log files, so that the ballast can leave little; the rest is what the server says itself.
        let log = "log=(enabled=true,remove=true,path=journal,compressor=snappy,file_max=1MB,prealloc=false)"
        let server = try MongoServer(
            replicaSet: false, arguments: ["--wiredTigerEngineConfigString", log], dataPath: disk.path)
        defer { server.remove() }
        try await server.start()
        let run = try WriterRun(server.uri)
        var next: UInt64 = 1
        try await run.publish(from: &next, perSecond: 2_000) { _ in run.stored >= 1_000 }
        try disk.fill(leavingBytes: 256 << 10)
        try await run.publish(from: &next, perSecond: 2_000) { _ in
            run.total("tickline_store_errors_total") > 0 && !run.health.status.isReady
        }
        let (stored, reason) = (run.stored, run.health.status.reason)
        try disk.empty()
        let start = ContinuousClock.now
        let hasEnded = !server.isRunning
        if hasEnded { try await server.start() }
        try await waitUntil("all is stored", timeout: .seconds(60)) { run.stored == Int(next - 1) }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        #expect(run.writer.drainAndStop(timeout: .seconds(10)) == 0)
        let count = try server.count("ticks")
        #expect(count == Int(next - 1))
        print(
            "figure: M7 disk full after \(stored) records, the server \(hasEnded ? "ended" : "went on") (\(reason)); lost",
            "\(Int(next - 1) - count), all there \(seconds) s after space returned")
    }
}
