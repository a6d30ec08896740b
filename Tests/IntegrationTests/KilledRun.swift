import ExchangeSimulator
import Foundation
import Glibc
import Logging
import TestSupport
import Testing

/// Where a run is killed: on entering a system call of one thread, or of any thread from the process' start on.
struct KillPoint: Sendable, CustomStringConvertible {
    /// The thread; nil: from the start, in whichever thread comes there first.
    var thread: String?
    /// strace's words for the calls that are counted.
    var calls: String
    /// The call's number, from 1.
    var number: Int
    /// Only calls on the journal's files.
    var isOnJournal = false

    var description: String { "\(thread ?? "start") \(calls)#\(number)" }

    /// The points of the calls with these numbers.
    static func sweep(
        _ thread: String?, _ calls: String, _ numbers: some Sequence<Int>, isOnJournal: Bool = false
    ) -> [KillPoint] {
        numbers.map { KillPoint(thread: thread, calls: calls, number: $0, isOnJournal: isOnJournal) }
    }
}

/// The recorded trades at a steady speed, and one run of the product that is killed and started again on the same data.
///
/// The trades that pass meanwhile are refilled from the exchange's history; at the end everything must be there once.
final class KilledRun {
    /// Trades of the recording.
    static let count = 9_757
    /// Kills end here: a trade behind the last hole must show that there is one.
    private static let lastKillAt = count * 8 / 10
    /// The longest that a point is waited for; a thread may never come there.
    private static let patience = Duration.seconds(3)

    let folder: URL
    let stream: String
    private let arguments: [String]
    private let mongo: MongoServer?
    private let simulator: ExchangeSimulator
    private var run: RunningTickline
    private var starts = 1
    /// Points at which it was killed.
    private(set) var kills: [KillPoint] = []
    /// Points that its threads did not come to.
    private(set) var missed: [KillPoint] = []

    /// Starts both; records go to `mongo`, in a database of the stream's name, or else to SQLite.
    init(
        _ stream: String, _ arguments: [String], speed: Double, mongo: MongoServer? = nil, folder: URL
    ) async throws {
        self.mongo = mongo
        self.folder = folder.appendingPathComponent(stream)
        self.stream = stream
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        var configuration = SimulatorConfiguration(
            source: .recordings([RecordedRunTests.spot]), pacing: .speed(speed))
        configuration.replaysAgain = false
        var logger = Logger(label: "exchange")
        logger.logLevel = .critical
        simulator = ExchangeSimulator(configuration: configuration, logger: logger)
        let port = try await simulator.start()
        self.arguments =
            ["--feed", "ws://127.0.0.1:\(port)/ws/btcusdt@trade", "--refill", "8192", "--signal-stream", stream]
            + arguments + (mongo.map { ["--mongo", $0.uri, "--mongo-database", stream] } ?? [])
        run = try RunningTickline(self.arguments, folder: self.folder, name: "run1", data: "data")
    }

    var data: String { folder.appendingPathComponent("data").path }
    private var journal: String { data + "/journal" }

    /// Kills the run at one point after the other, as far as the recording goes, and takes these off the list.
    func kill(at points: inout [KillPoint]) async throws {
        try await waitUntil("the first trades") {
            try checkRunning()
            return await run.metric("tickline_ticks_total") > 300
        }
        while let point = points.first, simulator.statistics.messagesReplayed < Self.lastKillAt {
            points.removeFirst()
            if try await kill(at: point) { kills.append(point) } else { missed.append(point) }
            if !run.process.isRunning { try start() }
        }
    }

    /// Whether the process ended there.
    private func kill(at point: KillPoint) async throws -> Bool {
        var paths: [String] = []
        if point.isOnJournal { paths = segmentPaths() }
        let fault = SystemCallFault.kill(atCall: point.number, of: point.calls, paths: paths)
        guard let name = point.thread else {
            run.process.stop(SIGKILL)
            try start(launcher: fault.launcher(log: folder.appendingPathComponent("run\(starts + 1).calls")))
            return try await isEnding()
        }
        var thread: Int32?
        try await waitUntil("thread \(name) runs: \(run.process.output.suffix(400))") {
            try checkRunning()
            thread = run.process.thread(named: name)
            return thread != nil
        }
        let tracer = try await fault.attach(to: thread!, folder: folder, name: "strace\(starts)")
        let isKilled = try await isEnding()
        tracer.stop()
        return isKilled
    }

    private func checkRunning() throws {
        guard !run.process.isRunning else { return }
        throw ConditionTimeout(description: "\(stream) ended by itself: \(run.process.output.suffix(600))")
    }

    private func isEnding() async throws -> Bool {
        do {
            try await waitUntil("killed", timeout: Self.patience) { !run.process.isRunning }
            return true
        } catch is ConditionTimeout {
            return false
        }
    }

    private func start(launcher: [String] = []) throws {
        starts += 1
        run = try RunningTickline(arguments, folder: folder, name: "run\(starts)", data: "data", launcher: launcher)
    }

    /// The names the journal's files have or will have in the next minutes.
    private func segmentPaths() -> [String] {
        ["feed-0", "engine-0", "history-0", "acknowledgements-0", "stored-0"].flatMap { chain in
            (1...99).map { "\(journal)/\(chain).\(String(format: "%012d", $0)).segment" }
        }
    }

    /// The embedded store's file.
    var database: String { data + "/tickline.sqlite" }

    /// Documents of a collection, one of each id; 0 before the store is there.
    func documents(of collection: String = "ticks") throws -> Int {
        if let mongo { return try mongo.count(collection, database: stream) }
        guard FileManager.default.fileExists(atPath: database) else { return 0 }
        return try SQLiteReader.number("SELECT count(DISTINCT _id) FROM \(collection)", of: database)
    }

    /// Lets the run come to the recording's end and stops it in order; its exit status.
    func finish() async throws -> Int32 {
        try await waitUntil("\(stream): all stored and published", timeout: .seconds(60)) {
            try checkRunning()
            guard simulator.statistics.isFinished else { return false }
            return try documents() >= Self.count
        }
        let status = run.process.stop()
        await simulator.stop()
        return status
    }
}
