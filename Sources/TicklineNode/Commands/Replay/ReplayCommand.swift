import ConsoleSignals
import Foundation
import Journal
import Replay
import TradingModel

/// What `tickline replay` replays and how.
public struct ReplayOptions: Sendable {
    /// A journal, or recorded files.
    public var paths: [String] = []
    /// How fast.
    public var speed = ReplaySpeed.max
    /// Whether nothing but errors goes to standard error.
    public var isQuiet = false

    /// The defaults.
    public init() {}
}

/// `tickline replay`: the engine again, on a journal or on recorded files.
public enum ReplayCommand {
    /// Prints the signals on standard output, one JSON object a line, and how far it is on standard error. Returns the exit
    /// status; SIGINT, and a reader of standard output that goes away, end it without an error.
    public static func run(flags: [String: [String]], options: ReplayOptions) async -> Int32 {
        await exitStatus {
            let stop = ReplayStop()
            let signals = await StopSignals()
            let input = try ReplayInput(options.paths)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await signals.watch { stop.request(isTermination: $0 == SIGTERM) } }
                defer { group.cancelAll() }
                try await offCooperativePool { Result { try replay(input, flags, options, stop) } }.get()
                if stop.isTermination { throw ReplayTerminated() }
            }
        }
    }

    private static func replay(
        _ input: ReplayInput, _ flags: [String: [String]], _ options: ReplayOptions, _ stop: ReplayStop
    ) throws {
        var session = ReplaySession(options, stop)
        defer { session.progress.clear() }
        switch input {
        case .journal(let path):
            guard FileManager.default.fileExists(atPath: path) else {
                throw SettingsError.unreadableFile(
                    path: path.isEmpty ? "\"\"" : path,
                    reason:
                        "nothing is there; give files that end in .ndjson or .ndjson.gz, or the --data folder of a run")
            }
            _ = try JournalFolder(userPath: path, holding: JournalChain(.engine))
            let given = flags.filter { !$0.value.isEmpty }.keys.sorted().map { "--\($0)" }
            guard given.isEmpty else { throw ReplayUsageError.journalHasSettings(given) }
            try session.replay(journal: path)
        case .recordings(let files):
            var resolver = SettingsResolver(flags: flags, environment: ProcessInfo.processInfo.environment)
            let settings = try resolver.resolve()
            for warning in resolver.warnings { printError(warning) }
            try session.replay(files, settings: settings, origin: { resolver.origin($0) })
        }
    }
}

/// A replay that SIGTERM has ended: what takes its output for whole is to know.
private struct ReplayTerminated: Error, CustomStringConvertible {
    let description = "ended by SIGTERM; what was printed is not the whole replay"
}

/// One replay: its pace, what it has printed, and how far it is.
private struct ReplaySession {
    private let options: ReplayOptions
    private let stop: ReplayStop
    private var pace: ReplayPace
    private var output = QueryOutput()
    private var signals = 0
    private let isOutputTerminal = isatty(STDOUT_FILENO) == 1
    var progress: ReplayProgress

    init(_ options: ReplayOptions, _ stop: ReplayStop) {
        self.options = options
        self.stop = stop
        pace = ReplayPace(speed: options.speed, stop: stop)
        progress = ReplayProgress(isQuiet: options.isQuiet)
    }

    mutating func replay(journal path: String) throws {
        let folder = try JournalFolder(userPath: path, holding: JournalChain(.engine))
        let last = try VerifyCommand.lastSequence(in: folder)
        var player = JournalPlayer(folder: folder, passesMissing: true)
        var passages = 0
        var first: UInt64?
        var line: SignalLine?
        var run: UInt64 = 0
        while goesOn {
            var decided: [Decision] = []
            let isPlayed = try player.step { decided.append($0.decision) }
            for passage in player.passages[passages...] {
                progress.clear()
                printError("\(passage)")
            }
            passages = player.passages.count
            guard isPlayed else { break }
            if player.run != run, let catalog = player.catalog {
                (run, line) = (player.run, SignalLine(catalog: catalog))
            }
            // Nothing was taken before the first one.
            if player.takenAt.rawValue > 0 { pace.wait(untilRecorded: Int64(player.takenAt.rawValue)) }
            guard goesOn else { break }
            try print(decided, line)
            first = first ?? player.sequence
            progress.show(
                "replaying", done: Int(player.sequence - (first ?? 0)) + 1,
                total: Int(last - min(last, first ?? 0)) + 1,
                unit: "entries", signals: signals)
        }
        finish("\(player.recordCount) records")
    }

    mutating func replay(
        _ files: [RecordedFile], settings: Settings, origin: (String) -> SettingOrigin
    ) throws {
        let strategy = try NodePlan.strategy(settings, origin)
        let content = try RecordingContent(reading: files, isTimed: options.speed != .max) { done, total in
            progress.show("reading", done: done, total: total, unit: "bytes")
            return goesOn
        }
        guard let content else { return finish("nothing") }
        // A file of settings may be that of a run with more instruments.
        let specifications = try NodePlan.specifications(
            content.feeds, settings, allowsOthers: origin("scale") != .flag("scale"))
        let catalog = MarketCatalog(instruments: specifications, strategies: [strategy])
        var player = try RecordingPlayer(
            content, catalog: catalog, priceBandPercent: settings.priceBandPercent,
            refill: NodePlan.refill(settings, specifications, content.feeds))
        let line = SignalLine(catalog: catalog)
        var decided: [Decision] = []
        progress.beginNext()
        while let arrival = try player.next() {
            pace.wait(untilRecorded: arrival)
            guard goesOn else { break }
            player.play { decided.append($0) }
            try print(decided, line)
            decided.removeAll(keepingCapacity: true)
            progress.show(
                "replaying", done: player.messageCount, total: content.messageCount, unit: "messages", signals: signals,
                secondsLeft: options.speed.seconds(from: arrival, to: content.arrivalNanos.upperBound))
        }
        if goesOn {
            player.end { decided.append($0) }
            try print(decided, line)
        }
        finish(summary(of: player, content))
    }

    /// Whether nobody has asked for the end, and somebody reads.
    private var goesOn: Bool { !stop.isRequested && output.isOpen }

    private mutating func print(_ decided: [Decision], _ line: SignalLine?) throws {
        guard !decided.isEmpty, let line else { return }
        if isOutputTerminal { progress.clear() }
        signals += decided.count
        try output.print(decided.map { line.json($0) })
    }

    private mutating func finish(_ what: String) {
        progress.clear()
        guard !options.isQuiet else { return }
        let seconds = String(format: "%.3f", progress.seconds)
        printStatus("\(stop.isRequested ? "stopped: " : "")replayed \(what), \(signals) signals in \(seconds) s")
    }

    private func summary(of player: borrowing RecordingPlayer, _ content: RecordingContent) -> String {
        var words = "\(player.messageCount) messages"
        if stop.isRequested { words = "\(player.messageCount) of \(content.messageCount) messages" }
        words += ", \(player.tickCount) ticks"
        let gaps = player.gaps
        if gaps.count > 0 {
            words +=
                ", \(gaps.count) gap\(gaps.count == 1 ? "" : "s") with \(gaps.missing) id\(gaps.missing == 1 ? "" : "s")"
        }
        if player.refusedCount > 0 {
            words += ", \(player.refusedCount) message\(player.refusedCount == 1 ? "" : "s") refused"
        }
        if content.otherMessageCount > 0 { words += ", \(content.otherMessageCount) of other streams" }
        return words
    }
}

extension ReplaySpeed {
    /// How long a replay takes from one recorded time to another; nil for one without a pace.
    fileprivate func seconds(from start: Int64, to end: Int64) -> Double? {
        guard case .times(let factor) = self else { return nil }
        return Double(end &- start) / 1e9 / factor
    }
}
