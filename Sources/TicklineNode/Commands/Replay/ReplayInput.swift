import FeedHandler
import Foundation
import Replay
import StrategyEngine
import TradingModel

/// What a replay was given that goes against its usage.
enum ReplayUsageError: Error, Equatable, CustomStringConvertible {
    /// A journal beside other things.
    case mixed
    /// A file that is no recording.
    case unknownKind(String)
    /// A file in front of whose name stands no exchange that there is.
    case unknownExchange(String, path: String)
    /// More files than an engine has feeds.
    case tooManyFiles(Int)
    /// Settings that a journal's runs have already.
    case journalHasSettings([String])

    private static let exchanges =
        FeedStreams.supportedExchanges.map(\.rawValue).sorted().joined(separator: ", ")

    /// One line with the remedy.
    var description: String {
        switch self {
        case .mixed: "give one journal, or recorded files, not both: a journal is replayed by itself"
        case .unknownKind(let path):
            "\(path) is no recording; give files that end in .ndjson or .ndjson.gz, or the --data folder of a run"
        case .unknownExchange(let name, let path):
            "there is no exchange \(name) (\(path)); in front of a recording stands none, or one of \(Self.exchanges)"
        case .tooManyFiles(let count):
            "\(count) files are too many; give at most \(DecisionCore.mostFeeds) at once"
        case .journalHasSettings(let flags):
            "a journal is replayed with the settings of its runs; leave \(flags.joined(separator: ", ")) out"
        }
    }
}

/// What a replay is of.
enum ReplayInput: Equatable {
    /// A data folder, or the journal folder in it.
    case journal(String)
    /// Recorded files.
    case recordings([RecordedFile])

    /// Tells by the paths; files are not opened.
    ///
    /// - Throws: `ReplayUsageError`.
    init(_ paths: [String]) throws(ReplayUsageError) {
        var files: [RecordedFile] = []
        var journal: String?
        for path in paths {
            var isFolder: ObjCBool = false
            let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            if !isFolder.boolValue, let file = RecordedFile(path) {
                if !isThere, file.exchange == nil, let name = Self.exchange(inFrontOf: path) {
                    throw .unknownExchange(name, path: path)
                }
                files.append(file)
            } else {
                // What is not there is named by who looks for a journal in it.
                guard !isThere || isFolder.boolValue else { throw .unknownKind(path) }
                guard journal == nil else { throw .mixed }
                journal = path
            }
        }
        guard journal == nil || files.isEmpty else { throw .mixed }
        guard files.count <= DecisionCore.mostFeeds else { throw .tooManyFiles(files.count) }
        self = journal.map { .journal($0) } ?? .recordings(files)
    }

    /// What stands where an exchange may; nil for nothing.
    private static func exchange(inFrontOf path: String) -> String? {
        guard let end = path.firstIndex(of: "="), !path[..<end].contains("/") else { return nil }
        return String(path[..<end])
    }
}
