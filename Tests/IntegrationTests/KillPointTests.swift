import Foundation
import TestSupport
import Testing

/// Fault P2: SIGKILL on entering each system call of a publish, a batch write and the journal's upkeep, then a restart on
/// the same data; each test prints its figure. `LONG_FAULTS=true` takes every call of longer sweeps.
@Suite(
    .serialized, .timeLimit(.minutes(20)),
    .enabled(if: SystemCallFault.shouldRun && SharedData.shouldRun, "needs strace and the recordings"))
struct KillPointTests {
    let folder = try! TemporaryFolder()
    /// Times the recorded speed: some 800 trades a second.
    private static let speed = 28.0
    private static let isLong = OverloadTests.isLong
    private static let network = "sendto,sendmsg,write,writev,recvfrom,recvmsg,read,poll,connect"

    @Test(arguments: ["append", "once"])
    func `killed at every system call of a publish, the stream has each signal once`(mode: String) async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let longest = Self.isLong ? 24 : 6
        // The engine sends; the publisher polls and reads the reply; at the start it connects, reads back and sends again.
        var points = KillPoint.sweep("engine", "sendto", 1...3)
        points += KillPoint.sweep("redis-publish", "recvfrom", 1...3)
        points += KillPoint.sweep("redis-publish", "all", 1...longest)
        points += KillPoint.sweep(nil, "sendto,recvfrom,poll", 1...longest)
        if mode == "once" { points = points.enumerated().filter { Self.isLong || $0.offset % 3 == 1 }.map(\.element) }
        try await sweep(points, "publish \(mode)", ["--redis", redis.url, "--publish", mode], redis)
    }

    @Test func `killed at every system call of a batch write, SQLite has each record once`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        var points = KillPoint.sweep("store-writer", "pwrite64", Self.isLong ? Array(1...30) : [1, 2, 5])
        points += KillPoint.sweep("store-writer", "all", Self.isLong ? Array(1...40) : [3, 5, 9, 14])
        points += KillPoint.sweep(nil, "fdatasync,ftruncate,unlink", Self.isLong ? Array(1...8) : [1, 3])
        try await sweep(points, "batch write to SQLite", ["--redis", redis.url], redis)
    }

    @Test(.enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
    func `killed at every system call of a batch write, MongoDB has each record once`() async throws {
        defer { folder.remove() }
        let redis = try await RedisServer()
        let mongo = try MongoServer()
        defer { mongo.remove() }
        try await mongo.start()
        var points = KillPoint.sweep("store-writer", "sendmsg", 1...(Self.isLong ? 8 : 2))
        points += KillPoint.sweep("store-writer", "recvmsg,recvfrom,read,poll", 1...(Self.isLong ? 24 : 5))
        points += KillPoint.sweep(nil, "sendmsg", Self.isLong ? Array(1...8) : [3])
        try await sweep(points, "batch write to MongoDB", ["--redis", redis.url], redis, mongo)
    }

    @Test func `killed at every system call on the journal's files, each restart comes up and nothing is doubled`()
        async throws
    {
        defer { folder.remove() }
        let redis = try await RedisServer()
        // Each start takes a new segment of each chain, so that after some starts a small budget recycles.
        let calls = "openat,fallocate,mmap,rename,pwrite64,fdatasync,unlink"
        let numbers = Self.isLong ? Array(1...60) : [1, 4, 8, 13, 17, 22, 26, 31]
        var points = KillPoint.sweep(nil, calls, numbers, isOnJournal: true)
        points += KillPoint.sweep("journal", "fdatasync", Self.isLong ? 1...5 : 1...2)
        try await sweep(points, "journal", ["--redis", redis.url, "--journal-budget", "128"], redis)
    }

    /// Kills at all points, over as many runs of the recording as that takes, and checks each.
    private func sweep(
        _ points: [KillPoint], _ what: String, _ arguments: [String], _ redis: RedisServer, _ mongo: MongoServer? = nil
    ) async throws {
        var left = points
        var (kills, missed, lost, doubled, runs) = (0, [KillPoint](), 0, 0, 0)
        while !left.isEmpty {
            runs += 1
            let run = try await KilledRun(
                "run\(runs)", arguments, speed: Self.speed, mongo: mongo, folder: folder.url)
            try await run.kill(at: &left)
            #expect(try await run.finish() == 0)
            let end = try check(run, redis)
            kills += run.kills.count
            missed += run.missed
            lost += end.lost
            doubled += end.doubled
        }
        print(
            "figure: P2 \(what): SIGKILL at \(kills) system calls in \(runs) run(s) of 9,757 trades, lost \(lost), doubled",
            "\(doubled); calls that were not made: \(missed)")
        #expect(doubled == 0)
        #expect(goal("P2 acknowledged records lost, SIGKILL at \(kills) system calls of \(what)", lost, atMost: 0))
        #expect(kills * 4 >= points.count * 3, "most of the chosen calls are made")
    }

    /// Compares what a run left with what it must leave.
    private func check(_ run: KilledRun, _ redis: RedisServer) throws -> (lost: Int, doubled: Int) {
        let expected = try RecordedRunTests.crossings("binance_btcusdt_trade_20240808", exchange: "binance")
        let entries = try redis.entries(of: run.stream)
        let ids = entries.map { $0.fields["id"] ?? "" }
        #expect(ids == expected.keys.sorted(), "\(run.stream): in the order of their trades")
        for entry in entries {
            guard let id = entry.fields["id"], let row = expected[id] else { continue }
            #expect(entry.fields["tickId"] == String(row[1]) && entry.fields["signal"] == String(row[3]))
            #expect(entry.fields["shortSMA"] == String(row[5]) && entry.fields["longSMA"] == String(row[6]))
            #expect(entry.fields["reason"] == "cross" && entry.fields["eventTime"] == "\(row[2])000000")
        }
        let (ticks, decisions) = (try run.documents(), try run.documents(of: "trade_signals"))
        #expect(ticks == KilledRun.count, "\(run.stream)")
        #expect(decisions == expected.count + 2, "\(run.stream): the crossings, the beginning and the full window")
        if FileManager.default.fileExists(atPath: run.database) {
            let rows = try SQLiteReader.rows("PRAGMA integrity_check", of: run.database)
            #expect(rows == [["integrity_check": "ok"]])
        }
        let replay = try Tickline.run(["replay", run.data])
        #expect(replay.status == 0, "\(run.stream): \(replay.error.suffix(400))")
        let lost = Set(expected.keys).subtracting(ids).count + abs(KilledRun.count - ticks)
        return (lost, ids.count - Set(ids).count)
    }
}
