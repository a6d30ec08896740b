import Foundation
import Journal
import RecordQuery
import Replay
import TradingModel

/// What `tickline explain` is asked for, as the command line gives it.
public struct ExplainOptions: Sendable {
    /// The signal's id.
    public var signal = ""
    /// A journal folder; nil for that of the data folder.
    public var journal: String?
    /// Every price of the window, with its tick.
    public var showsWindows = false
    /// `table` or `json`; nil for a table on a terminal and JSON otherwise.
    public var format: String?

    /// Nothing yet.
    public init() {}
}

/// `tickline explain`: what the engine had before it when it decided a signal.
public enum ExplainCommand {
    /// Plays the journal again up to the signal and prints what decided it. Returns the exit status: 1 for a signal that the
    /// journal does not have.
    public static func run(flags: [String: [String]], options: ExplainOptions) async -> Int32 {
        await exitStatus {
            guard let id = SignalIdentifier(options.signal) else { throw ExplainError.malformed(options.signal) }
            let isTable = try RecordChoice.isTable(options.format)
            let folder = try journalFolder(flags: flags, journal: options.journal)
            switch try await offCooperativePool({ Result { try SignalSearch.perform(id, in: folder) } }).get() {
            case .unknown(let first, let last):
                throw ExplainError.unknown(id.text, first: first, last: last, journal: folder.path)
            case .found(let recorded):
                // Listed again: of a run that goes on, what the signal was decided on may be in a newer file.
                let files = try journalFolder(flags: flags, journal: options.journal)
                let explanation = try await offCooperativePool {
                    Result { try SignalExplanation.of(id, recorded, in: files) }
                }.get()
                let lines = ExplanationFields(explanation, recorded, showsWindows: options.showsWindows)
                try printOutput(isTable ? lines.text : lines.json)
            }
        }
    }

    /// The journal named by `--journal`, or the data folder's of the settings.
    static func journalFolder(flags: [String: [String]], journal: String?) throws -> JournalFolder {
        var path = journal
        if path == nil {
            var resolver = SettingsResolver(flags: flags, environment: ProcessInfo.processInfo.environment)
            path = try resolver.resolve().data
        }
        return try JournalFolder(userPath: path ?? "", holding: JournalChain(.engine))
    }
}

/// The two ways in which `explain` and `verify` print.
enum RecordChoice {
    /// Whether it is the table: by name, else on a terminal.
    static func isTable(_ format: String?) throws(QueryError) -> Bool {
        switch format {
        case nil: return isatty(STDOUT_FILENO) == 1
        case "table": return true
        case "json": return false
        case .some(let text):
            let known = ["table", "json"]
            throw .unknown(flag: "--format", text, nearest: nearest(to: text, in: known) ?? "", known: known)
        }
    }
}

/// Why nothing was explained.
enum ExplainError: Error, CustomStringConvertible {
    /// Text that is no signal's id.
    case malformed(String)
    /// The journal has no such signal.
    case unknown(String, first: String?, last: String?, journal: String)

    /// One line with the remedy.
    var description: String {
        switch self {
        case .malformed(let text):
            "'\(text.split(whereSeparator: \.isNewline).joined(separator: "\\n"))' is no signal's id;"
                + " give one like binance:BTCUSDT:sma-50-200:3735683486"
        case .unknown(let id, let first?, let last?, let journal):
            "\(id) is not in \(journal), whose signals of that instrument go from \(first) to \(last)"
        case .unknown(let id, _, _, let journal):
            "\(id) is not in \(journal), which has no signal of that instrument"
        }
    }

    var exitStatus: Int32 {
        if case .malformed = self { ExitStatus.usage } else { ExitStatus.failure }
    }
}
