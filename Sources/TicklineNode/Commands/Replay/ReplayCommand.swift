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
            let folder = try JournalFolder(userPath: path, holding: JournalChain(.engine))
            var player = JournalPlayer(folder: folder)
            let segments = folder.chains[JournalChain(.engine), default: []].map(\.segment)
            var progress = ProgressLine(total: segments.count)
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
                progress.show(done: Int(player.segment - (segments.first ?? 0)), "\(player.recordCount) records")
            }
            progress.finish()
            printStatus("replayed \(player.recordCount) records, \(signals) signals")
        }
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
