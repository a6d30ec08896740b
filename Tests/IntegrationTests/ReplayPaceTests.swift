import Foundation
import Synchronization
import TestSupport
import Testing

/// How a replay of a file or a journal keeps its pace, shows how far it is, and ends when told to.
@Suite(.serialized, .enabled(if: SharedData.shouldRun)) struct ReplayPaceTests {
    private let files = RecordedFiles()
    private static let periods = ["--short", "5", "--long", "20"]
    private static let trades = SharedData.path(RecordedFiles.spotTrades)

    /// Lines of a process's output with the time at which each could be read, counted from before its start.
    private static func timedLines(_ arguments: [String]) throws -> [(text: String, after: Duration, isRunning: Bool)] {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: Tickline.executable)
        process.arguments = ["replay"] + arguments + ["--quiet"]
        process.standardOutput = pipe
        let start = ContinuousClock.now
        try process.runUnmasked()
        var lines: [(String, Duration, Bool)] = []
        var rest: [UInt8] = []
        while true {
            let data = pipe.fileHandleForReading.availableData
            if data.isEmpty { break }
            let after = ContinuousClock.now - start
            rest += data
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                lines.append((String(decoding: rest[..<end], as: UTF8.self), after, process.isRunning))
                rest.removeFirst(end + 1)
            }
        }
        process.waitUntilExit()
        #expect(process.terminationStatus == 0 && rest.isEmpty)
        return lines
    }

    /// Nothing comes before it is due, and all in the order and with the bytes of a replay without a pace.
    private static func check(_ arguments: [String], speed: Double, firstNanos: Int64) throws {
        let expected = try RecordedFiles.replay(arguments).output.split(separator: "\n").map(String.init)
        let lines = try timedLines(arguments + ["--speed", "\(speed)"])
        #expect(lines.map(\.text) == expected && !expected.isEmpty)
        var least = Duration.seconds(1_000)
        for (line, signal) in zip(lines, try PrintedSignal.list(expected.joined(separator: "\n"))) {
            let due = Duration.nanoseconds(Double(signal.receiveNanos - firstNanos) / speed)
            #expect(line.after >= due, "\(signal.id) came \(line.after) after the start, due \(due)")
            least = min(least, line.after - due)
        }
        #expect(lines.first?.isRunning == true, "the first signal is printed when it is decided")
        print("figure: \(lines.count) signals at \(speed) times, the earliest \(least) behind its time")
    }

    @Test func `at N times no signal of a file comes before its recorded time says`() throws {
        defer { files.folder.remove() }
        let first = try SharedData.lines(gzip: RecordedFiles.spotTrades)[0]
        let firstNanos = Int64(field("E", of: first)!)! * 1_000_000
        try Self.check([Self.trades] + Self.periods, speed: 100, firstNanos: firstNanos)
    }

    /// Trades whose signals each follow on a pause: five groups, a second apart, of 25 equal prices, high and low in turn.
    private func pausingTrades() throws -> (path: String, firstNanos: Int64, count: Int) {
        let trades = (0..<125).map { index in
            let time = 1_700_000_000_000 + index / 25 * 1_000 + index % 25
            return
                #"{"e":"trade","E":\#(time),"s":"BTCUSDT","t":\#(index + 1),"p":"\#(index / 25 % 2 == 0 ? 100 : 50)","#
                + #""q":"1","T":\#(time),"m":false,"M":true}"#
        }
        return (try files.write(trades, as: "pauses.ndjson"), 1_700_000_000_000_000_000, trades.count)
    }

    @Test func `at real time a signal behind a pause is printed behind the pause`() throws {
        defer { files.folder.remove() }
        let pauses = try pausingTrades()
        try Self.check([pauses.path] + Self.periods, speed: 1, firstNanos: pauses.firstNanos)
    }

    @Test func `a journal is replayed at real time from its first tick on`() async throws {
        defer { files.folder.remove() }
        let pauses = try pausingTrades()
        let simulator = try await RunningSimulator([pauses.path, "--speed", "2"], folder: files.folder.url)
        let run = try RunningTickline(
            ["--feed", "ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade", "--store", "none"] + Self.periods,
            folder: files.folder.url)
        try await waitUntil("all ticks taken") { await run.metric("tickline_ticks_total") == Double(pauses.count) }
        #expect(run.process.stop() == 0)
        simulator.process.stop()
        let data = files.folder.url.appendingPathComponent("data").path
        let takes = try Self.takeTimes(data)
        let expected = try RecordedFiles.replay([data]).output.split(separator: "\n").map(String.init)
        let start = ContinuousClock.now
        let lines = try Self.timedLines([data, "--speed", "real"])
        #expect(ContinuousClock.now - start >= takes.last)
        #expect(lines.map(\.text) == expected && expected.count == 3 && takes.ofSignals.count == 3)
        for (line, due) in zip(lines, takes.ofSignals) {
            #expect(line.after >= due, "\(line.text) came \(line.after) after the start, due \(due)")
        }
    }

    /// When the ticks of signals, and the last ones of all, were taken, counted from the first ones.
    private static func takeTimes(_ data: String) throws -> (ofSignals: [Duration], last: Duration) {
        let export = try Tickline.run(["journal", "export", data, "--chain", "engine"])
        var (first, latest): (Int64?, Int64) = (nil, 0)
        var signals: [Duration] = []
        for line in export.output.split(separator: "\n") {
            switch field("kind", of: line) {
            case "take":
                latest = Int64(field("monotonic", of: line)!)!
                first = first ?? latest
            case "decision" where field("signal", of: line) != nil: signals.append(.nanoseconds(latest - first!))
            default: break
            }
        }
        return (signals, .nanoseconds(latest - first!))
    }

    @Test func `SIGINT ends a replay with its summary, whole lines and status 0`() async throws {
        defer { files.folder.remove() }
        let expected = try RecordedFiles.replay([Self.trades] + Self.periods).output.split(separator: "\n")
        let replay = try ServerProcess(
            Tickline.executable, ["replay", Self.trades, "--speed", "10"] + Self.periods, folder: files.folder.url,
            name: "replay")
        func signals() -> [Substring] { replay.output.split(separator: "\n").filter { $0.hasPrefix("{") } }
        try await waitUntil("two signals") { signals().count >= 2 }
        #expect(replay.stop(SIGINT) == 0)
        let printed = signals()
        #expect(printed.count < expected.count && printed == Array(expected.prefix(printed.count)))
        #expect(replay.output.hasSuffix("\n"))
        let summary = try #require(replay.output.split(separator: "\n").first { $0.hasPrefix("stopped: replayed ") })
        #expect(summary.contains(" of 9757 messages") && summary.contains("\(printed.count) signals"))
    }

    @Test func `SIGTERM ends a replay with status 1, which says that its output is not whole`() async throws {
        defer { files.folder.remove() }
        let replay = try ServerProcess(
            Tickline.executable, ["replay", Self.trades, "--speed", "10"] + Self.periods, folder: files.folder.url,
            name: "replay")
        try await waitUntil("a signal") { replay.output.contains("{") }
        #expect(replay.stop(SIGTERM) == 1)
        #expect(replay.output.contains("ended by SIGTERM; what was printed is not the whole replay"))
    }

    @Test func `an unknown exchange, a last line cut short and a byte order mark are told or taken`() throws {
        defer { files.folder.remove() }
        let lines = try SharedData.lines(gzip: "binance/btcusdt@trade.20240808.ndjson.gz").prefix(300)
        func replay(_ name: String, _ text: String) throws -> (status: Int32, output: String, error: String) {
            let path = files.folder.url.appendingPathComponent(name)
            try Data(text.utf8).write(to: path)
            return try Tickline.run(["replay", path.path] + Self.periods)
        }
        let text = lines.joined(separator: "\n") + "\n"
        let plain = try replay("plain.ndjson", text)
        #expect(plain.status == 0)
        let marked = try replay("marked.ndjson", "\u{FEFF}" + text)
        #expect(marked.status == 0 && marked.output == plain.output)
        let cut = try replay("cut.ndjson", text + "{\"e\":")
        #expect(
            cut.status == 78 && cut.error.contains("this last one: cut it off"), "\(cut.error)")
        let broken = try replay("broken.ndjson", "{\n" + text)
        #expect(broken.status == 78 && !broken.error.contains("last one"), "\(broken.error)")
        let unknown = try Tickline.run(["replay", "okx=x.ndjson"])
        #expect(unknown.status == 64 && unknown.error.contains("there is no exchange okx"), "\(unknown.error)")
    }

    @Test func `a reader that goes away ends a replay quietly`() throws {
        defer { files.folder.remove() }
        let command =
            "set -o pipefail; '\(Tickline.executable)' replay '\(Self.trades)' --short 5 --long 20 | head -n 1"
        let process = Process()
        let (output, error) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["bash", "-c", command]
        process.standardOutput = output
        process.standardError = error
        try process.runUnmasked()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let said = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0 && text.split(separator: "\n").count == 1)
        #expect(!said.contains("tickline:"), "\(said)")
    }

    @Test func `a terminal gets a bar, which leaves no trace, and standard output signals alone`() throws {
        defer { files.folder.remove() }
        let expected = try RecordedFiles.replay([Self.trades] + Self.periods).output
        let (screen, output) = try Self.onTerminal([Self.trades, "--speed", "150"] + Self.periods)
        #expect(output == expected)
        let bars = screen.split(separator: "\r").filter { $0.hasPrefix("[") }
        #expect(
            bars.contains { $0.contains("replaying: ") && $0.contains(" of 9757 messages)") && $0.contains("/s, ") })
        #expect(bars.contains { $0.contains(" signals, 0:0") && $0.contains(" left") })
        // Each bar replaces the one before it; behind the last one the line is empty again.
        #expect(screen.contains("\r\u{1B}[Kreplayed 9757 messages, 9757 ticks, 221 signals in "))
        let quiet = try Self.onTerminal([Self.trades, "--speed", "1000", "--quiet"] + Self.periods)
        #expect(quiet.screen.isEmpty && quiet.output == expected)
    }

    @Test func `elsewhere a line every few seconds says how far it is`() throws {
        defer { files.folder.remove() }
        let (output, error) = try RecordedFiles.replay([Self.trades, "--speed", "60"] + Self.periods)
        let lines = error.split(separator: "\n")
        #expect(
            lines.count >= 2 && lines.dropLast().allSatisfy { $0.hasPrefix("replaying: ") && $0.hasSuffix(" left") })
        #expect(lines.last?.hasPrefix("replayed 9757 messages") == true && !error.contains("\r"))
        #expect(output.split(separator: "\n").allSatisfy { $0.hasPrefix("{\"signal\"") })
    }

    /// Runs a replay whose standard error is a terminal.
    private static func onTerminal(_ arguments: [String]) throws -> (screen: String, output: String) {
        let main = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var (number, locked): (Int32, Int32) = (0, 0)
        // Linux' TIOCSPTLCK and TIOCGPTN.
        guard main >= 0, ioctl(main, 0x4004_5431, &locked) == 0, ioctl(main, 0x8004_5430, &number) == 0 else {
            throw ConditionTimeout(description: "no terminal")
        }
        let terminal = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: Tickline.executable)
        process.arguments = ["replay"] + arguments
        process.standardOutput = output
        process.standardError = FileHandle(fileDescriptor: terminal)
        try process.runUnmasked()
        close(terminal)
        let screen = Mutex<[UInt8]>([])
        let reading = Thread {
            var piece = [UInt8](repeating: 0, count: 4_096)
            while true {
                let count = read(main, &piece, piece.count)
                guard count > 0 else { break }
                screen.withLock { $0 += piece[..<count] }
            }
            close(main)
        }
        reading.start()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        while !reading.isFinished { sched_yield() }
        #expect(process.terminationStatus == 0)
        return (screen.withLock { String(decoding: $0, as: UTF8.self) }, String(decoding: text, as: UTF8.self))
    }
}
