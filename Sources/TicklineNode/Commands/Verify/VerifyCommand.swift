import Foundation
import Journal
import MongoStore
import RecordComparison
import RedisStreams
import Replay
import SQLiteStore
import ThreadExecutor
import TradingModel

/// `tickline verify`: compares what a journal gives when it is played with the signal stream and the store.
public enum VerifyCommand {
    /// Clocks of this machine and of the Redis server may differ by so much.
    private static let clockSlackMillis: UInt64 = 60_000

    /// Prints each difference and then how many records agreed. Returns the exit status: 1 with any difference.
    ///
    /// - Parameters:
    ///   - journal: a journal folder; nil for that of the data folder.
    ///   - format: `table` or `json`; nil for a table on a terminal and JSON lines otherwise.
    public static func run(flags: [String: [String]], journal: String?, format: String?) async -> Int32 {
        await exitStatus {
            let isTable = try RecordChoice.isTable(format)
            var resolver = SettingsResolver(flags: flags, environment: ProcessInfo.processInfo.environment)
            let settings = try resolver.resolve()
            for warning in resolver.warnings { printError(warning) }
            let redis = try NodePlan.redis(settings, resolver.origin)
            guard redis != nil || settings.store != .none else {
                throw SettingsError.conflict("nothing to compare the journal with; give --redis, or a --store")
            }
            let path = journal ?? settings.data
            let last = try lastSequence(in: try JournalFolder(userPath: path, holding: JournalChain(.engine)))
            // Listed again, since a run may have gone on in other segments.
            let folder = try JournalFolder(userPath: path, holding: JournalChain(.engine))
            let differences = try await offCooperativePool {
                Result { try verify(folder, through: last, settings, redis, isTable: isTable) }
            }.get()
            if differences > 0 { throw VerifyError.differences(differences) }
        }
    }

    /// The engine's newest entry.
    static func lastSequence(in folder: JournalFolder) throws -> UInt64 {
        guard let file = folder.chains[JournalChain(.engine)]?.last else { return 0 }
        let segment = try SegmentReader(path: file.path)
        return segment.identity.firstSequence + UInt64(segment.countWholeEntries()) - 1
    }

    private static func verify(
        _ folder: JournalFolder, through last: UInt64, _ settings: Settings, _ redis: RedisEndpoint?, isTable: Bool
    ) throws -> Int {
        let report: (RecordDifference) throws -> Void = { try printOutput(isTable ? $0.line : $0.json) }
        let marks = try ProgressMarks(folder)
        let isShared = settings.publish == .once
        let store = try storeVerifier(settings, marks, isShared, report)
        let verification = RecordVerification(
            folder, through: last, store: store, stream: StreamComparison(comparesReceiveTimes: !isShared))
        do { try verification.play() } catch let error as TradeStoreError {
            throw VerifyError.unreadableStore(error)
        }
        for passage in verification.passages { printError("\(passage)") }
        var lines = [line(verification.counts)]
        var differences = 0
        if let redis {
            var configuration = SignalPublisherConfiguration(endpoint: redis, streamKey: settings.signalStream)
            configuration.trim = nil
            let counts = try compareStream(verification.stream, configuration, folder, marks, report)
            lines.append(line("stream", counts, expired: "trimmed"))
            differences += counts.differences
        }
        if let counts = store?.counts {
            lines.append(line("store", counts, expired: "expired"))
            lines.append(
                "not compared in the store: what is before a series' first record in the journal or behind its last, times of"
                    + " insertion, fields that `tickline query` does not print"
                    + (isShared ? ", times of receipt, how gaps came and went" : ""))
            differences += counts.differences
        }
        for line in lines { isTable ? try printOutput(line) : printStatus(line) }
        return differences
    }

    private static func line(_ counts: PlayedCounts) -> String {
        "journal: \(counts.ticks) ticks, \(counts.signals) signals in \(counts.decisions) decisions,"
            + " \(counts.books) book updates, \(counts.klines) klines, \(counts.gaps) gap\(counts.gaps == 1 ? "" : "s")"
    }

    private static func line(_ place: String, _ counts: ComparisonCounts, expired: String) -> String {
        "\(place): \(counts.equal) equal, \(counts.differences) differences, \(counts.pending) pending,"
            + " \(counts.expired) \(expired)"
            + (place == "stream" || counts.outside > 0 ? ", \(counts.outside) outside of the journal" : "")
    }

    private static func storeVerifier(
        _ settings: Settings, _ marks: ProgressMarks, _ isShared: Bool,
        _ report: @escaping (RecordDifference) throws -> Void
    ) throws -> (any StoreChecking)? {
        let retentionNanos = Int64(settings.tickRetentionDays) * 86_400_000_000_000
        let keptFrom = MonotonicClock.wallClock().rawValue - retentionNanos
        func verifier<Reader: TradeReader & ~Copyable>(_ reader: consuming Reader) -> any StoreChecking {
            StoreVerifier(
                reader, storedSequence: marks.storedSequence, keptFromNanos: keptFrom,
                isShared: isShared, report: report)
        }
        switch settings.store {
        case .none: return nil
        case .sqlite:
            do {
                return verifier(try SQLiteReader(path: DataFolder.database(in: settings.data)))
            } catch { throw SettingsError.conflict("\(error)") }
        case .mongo:
            var configuration = MongoStoreSettings(uri: settings.mongo ?? "")
            configuration.database = settings.mongoDatabase
            configuration.depthCollection = settings.depthCollection
            configuration.signalsCollection = settings.signalsCollection
            do {
                return verifier(try MongoReader(settings: configuration))
            } catch { throw SettingsError.conflict("\(error)") }
        }
    }

    private static func compareStream(
        _ expected: StreamComparison, _ configuration: SignalPublisherConfiguration, _ folder: JournalFolder,
        _ marks: ProgressMarks, _ report: (RecordDifference) throws -> Void
    ) throws -> ComparisonCounts {
        var stream = expected
        var from = marks.firstEntryMillis ?? .max
        if let oldest = folder.chains[JournalChain(.engine)]?.first {
            let created = try SegmentReader(path: oldest.path).identity.createdNanos
            from = min(from, UInt64(max(0, created)) / 1_000_000)
        }
        var reader = try SignalStreamReader(configuration, fromMillis: from - min(from, clockSlackMillis))
        var read = 0
        while true {
            let page = try reader.nextPage()
            if page.isEmpty { break }
            read += page.count
            for entry in page { try stream.take(entry: entry.entryID, fields: entry.fields, report) }
        }
        let absent = stream.absent
        let entries = try ProgressMarks.entries(of: Set(absent.map(\.number)), in: folder)
        let trimmed = reader.trimmed(absent.map { entries[$0.number] })
        for ((number, id), isTrimmed) in zip(absent, trimmed) {
            guard let acknowledged = marks.acknowledged, number <= acknowledged.upperBound else {
                try stream.settle(id, as: .pending, report)
                continue
            }
            try stream.settle(id, as: isTrimmed || number < acknowledged.lowerBound ? .trimmed : .missing, report)
        }
        if trimmed.contains(true), !reader.countsRemoved {
            printError(
                "this server does not count what it removes (Redis 7 does): all that is in front of the stream's first entry"
                    + " counts as trimmed")
        }
        var counts = stream.counts
        counts.outside += max(0, reader.length - read)
        return counts
    }
}

/// Why a verification did not end well.
enum VerifyError: Error, CustomStringConvertible {
    /// It was done, and there are some.
    case differences(Int)
    /// The store can't be read.
    case unreadableStore(TradeStoreError)

    /// One line.
    var description: String {
        switch self {
        case .differences(let count): "\(count) difference\(count == 1 ? "" : "s") from the journal"
        case .unreadableStore(.unavailable(let reason)), .unreadableStore(.refused(let reason)):
            "cannot read the store: \(reason)"
        }
    }
}
