import StoreWriter
import Telemetry
import TestSupport
import Testing

/// The writer in front of a real server that comes and goes.
@Suite(.serialized, .enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
struct MongoWriterTests {
    /// The trades of one recorded hour.
    private static let volume: UInt64 = 9_757

    @Test func `a recording's volume is stored once, and a second time adds nothing`() async throws {
        let server = try MongoServer()
        defer { server.remove() }
        try await server.start()
        for pass in 1...2 {
            let run = try WriterRun(server.uri)
            run.publish(1...Self.volume)
            #expect(run.writer.drainAndStop(timeout: .seconds(30)) == 0)
            #expect(run.total("tickline_store_documents_total") == (pass == 1 ? Int(Self.volume) : 0))
            #expect(run.total("tickline_store_duplicates_total") == (pass == 1 ? 0 : Int(Self.volume)))
            #expect(try server.count("ticks") == Int(Self.volume))
        }
    }

    @Test func `a server that starts late gets everything`() async throws {
        let server = try MongoServer()
        defer { server.remove() }
        let run = try WriterRun(server.uri)
        run.publish(1...3_000)
        try await waitUntil("two failed attempts") { run.total("tickline_store_errors_total") >= 2 }
        #expect(!run.health.status.isReady)
        #expect(run.metrics.total("tickline_store_lag_seconds") > 0)
        try await server.start()
        try await waitUntil("everything is stored", timeout: .seconds(60)) {
            run.total("tickline_store_documents_total") == 3_000
        }
        #expect(run.health.status.isReady)
        #expect(run.writer.drainAndStop(timeout: .seconds(10)) == 0)
        #expect(try server.count("ticks") == 3_000)
    }

    @Test func `a server killed in mid-stream loses and doubles nothing`() async throws {
        let server = try MongoServer()
        defer { server.remove() }
        try await server.start()
        let run = try WriterRun(server.uri, mostBatchRecords: 100)
        var next: UInt64 = 1
        for round in 1...3 {
            run.publish(next...next + 2_999)
            next += 3_000
            let some = (round - 1) * 3_000 + 500
            try await waitUntil("the stream is under way", timeout: .seconds(60)) {
                run.total("tickline_store_documents_total") + run.total("tickline_store_duplicates_total") >= some
            }
            server.kill()
            run.publish(next...next + 99)
            next += 100
            try await server.start()
        }
        let published = Int(next - 1)
        try await waitUntil("everything is stored", timeout: .seconds(60)) { try server.count("ticks") == published }
        #expect(run.writer.drainAndStop(timeout: .seconds(10)) == 0)
        let inserted = run.total("tickline_store_documents_total")
        let known = run.total("tickline_store_duplicates_total")
        #expect(inserted + known == published)
        print("killed 3 times: \(published) published, \(inserted) acknowledged new, \(known) found there by a retry")
    }

    @Test func `a server that hangs is given up in time, and nothing is lost`() async throws {
        let server = try MongoServer()
        defer { server.remove() }
        try await server.start()
        let run = try WriterRun(server.uri)
        try await waitUntil("ready") { run.health.status.isReady }
        server.signal(19)  // SIGSTOP
        run.publish(1...500)
        try await waitUntil("the hang is noticed") { run.total("tickline_store_errors_total") > 0 }
        #expect(!run.health.status.isReady)
        server.signal(18)  // SIGCONT
        try await waitUntil("everything is stored", timeout: .seconds(60)) { try server.count("ticks") == 500 }
        #expect(run.writer.drainAndStop(timeout: .seconds(10)) == 0)
    }
}
