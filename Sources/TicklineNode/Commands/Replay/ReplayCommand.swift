import ConsoleSignals
import Foundation
import Journal
import Replay
import ThreadExecutor
import TradingModel

/// How fast a replay runs.
public enum ReplaySpeed: Sendable, Equatable {
    /// As fast as it can.
    case max
    /// So many times as fast as it was.
    case times(Double)

    /// Understands `max` or a number above 0.
    public init?(_ text: String) {
        if text == "max" {
            self = .max
        } else if let factor = Double(text), factor > 0, factor.isFinite {
            self = .times(factor)
        } else {
            return nil
        }
    }
}

/// `tickline replay`: the engine again, on a journal.
public enum ReplayCommand {
    /// Prints the signals on standard output, one JSON object a line. Returns the exit status.
    ///
    /// - Parameter path: a data folder or the journal folder in it.
    public static func run(path: String, speed: ReplaySpeed) async -> Int32 {
        await exitStatus {
            let folder = try JournalFolder(path: journalPath(path))
            guard folder.chains[JournalChain(.engine)] != nil else {
                throw SettingsError.unreadableFile(
                    path: path, reason: "no journal is there; give the --data folder of a run, or its journal folder")
            }
            var player = JournalPlayer(folder: folder)
            var progress = ReplayProgress(folder: folder)
            var pace = ReplayPace(speed: speed)
            var signals = 0
            var catalogLine: SignalLine?
            var run: UInt64 = 0
            while true {
                var lines: [Decision] = []
                guard try player.step({ lines.append($0.decision) }) else { break }
                if player.run != run, let catalog = player.catalog {
                    (run, catalogLine) = (player.run, SignalLine(catalog: catalog))
                }
                for decision in lines { printOutput(catalogLine?.json(decision) ?? "") }
                signals += lines.count
                pace.wait(until: player.takenAt)
                progress.show(segment: player.segment, records: player.recordCount)
            }
            progress.finish()
            printStatus("replayed \(player.recordCount) records, \(signals) signals")
        }
    }

    /// The journal's folder, given that or the data folder around it.
    static func journalPath(_ path: String) -> String {
        let inside = DataFolder.journal(in: path)
        return FileManager.default.fileExists(atPath: inside) ? inside : path
    }
}

/// Holds a replay to the pace at which its records were taken.
struct ReplayPace {
    private let speed: ReplaySpeed
    private var start: (recorded: MonotonicNanos, played: MonotonicNanos)?

    init(speed: ReplaySpeed) { self.speed = speed }

    /// Sleeps until what was taken at `time` is due. A run that began anew, with another clock, begins its pace anew.
    mutating func wait(until time: MonotonicNanos) {
        guard case .times(let factor) = speed, time.rawValue > 0 else { return }
        let now = MonotonicClock.now()
        guard let start, time >= start.recorded else { return start = (time, now) }
        let due = start.played.rawValue + UInt64(Double(time.nanos(since: start.recorded)) / factor)
        if due > now.rawValue { Thread.sleep(forTimeInterval: Double(due - now.rawValue) / 1e9) }
    }
}

/// A line on a terminal that says how far a replay is.
struct ReplayProgress {
    private static let intervalNanos: UInt64 = 200_000_000
    private let segments: ClosedRange<UInt64>
    private let isShown = isatty(STDERR_FILENO) == 1
    private var shownAt = MonotonicNanos(rawValue: 0)

    init(folder: JournalFolder) {
        let numbers = folder.chains[JournalChain(.engine), default: []].map(\.segment)
        segments = (numbers.first ?? 0)...(numbers.last ?? 0)
    }

    /// Shows the state, at most five times a second.
    mutating func show(segment: UInt64, records: UInt64) {
        guard isShown else { return }
        let now = MonotonicClock.now()
        guard now.rawValue - shownAt.rawValue > Self.intervalNanos else { return }
        shownAt = now
        let (done, all) = (segment - segments.lowerBound, segments.upperBound - segments.lowerBound + 1)
        let filled = Int(30 * done / all)
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
        FileHandle.standardError.write(Data("\r[\(bar)] segment \(done + 1) of \(all), \(records) records".utf8))
    }

    /// Ends the line.
    func finish() {
        if isShown, shownAt.rawValue > 0 { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
    }
}
