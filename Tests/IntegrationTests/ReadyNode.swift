import Foundation
import Glibc
import TestSupport

/// `tickline run` on a quiet synthetic market, ready, in a folder of its own: the server of the HTTP fault tests.
struct ReadyNode {
    let folder: TemporaryFolder
    let run: RunningTickline
    let port: Int
    private let simulator: RunningSimulator

    init() async throws {
        folder = try TemporaryFolder("tickline-http")
        simulator = try await RunningSimulator(["--rate", "100", "--symbols", "1"], folder: folder.url)
        let run = try RunningTickline(
            ["--feed", "simulator=ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade"], folder: folder.url)
        try await waitUntil("ready", timeout: .seconds(60)) { await run.get("/readyz").status == 200 }
        self.run = run
        port = run.collectorPort!
    }

    /// Gives the server's threads real-time priority where that is allowed, so that what is measured is the server and not who
    /// else wants this machine's processors. False where it is not.
    func runsInRealTime() throws -> Bool {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(run.process.processID)/task")
            .allSatisfy { RealTime.begin(thread: pid_t($0)!) }
    }

    /// Connections closed for a reason so far.
    func closed(_ reason: String) async -> Int {
        Int(await run.metric("tickline_http_closed_total", labels: "reason=\"\(reason)\""))
    }

    /// Ends both processes; the exit status of the run.
    func stop() -> Int32 {
        let status = run.process.stop()
        simulator.process.stop()
        folder.remove()
        return status
    }
}

enum RealTime {
    /// Lets a thread (0: the calling one) go before all ordinary ones. Nice values would not do: Linux weighs them within one
    /// session only. False where it is not allowed.
    static func begin(thread: pid_t) -> Bool {
        var parameters = sched_param(sched_priority: 1)
        return sched_setscheduler(thread, SCHED_RR, &parameters) == 0
    }
}
