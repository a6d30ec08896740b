import Foundation
import Glibc
import MongoStore
import RecordQuery
import SQLiteStore
import ThreadExecutor
import TradingModel

/// `tickline query`: prints what a store keeps.
public enum QueryCommand {
    /// Reads from the store that `tickline run` would write to with the same flags, environment and file. Returns the exit
    /// status; a reader of standard output that goes away ends it without an error.
    public static func run(flags: [String: [String]], options: QueryOptions) async -> Int32 {
        await exitStatus {
            let request = try options.request(now: MonotonicClock.wallClock(), isTerminal: isatty(STDOUT_FILENO) == 1)
            var resolver = SettingsResolver(flags: flags, environment: ProcessInfo.processInfo.environment)
            let settings = try resolver.resolve()
            for warning in resolver.warnings { printError(warning) }
            try await offCooperativePool { Result { try answer(request, from: settings) } }.get()
        }
    }

    private static func answer(_ request: QueryRequest, from settings: Settings) throws {
        switch settings.store {
        case .none: throw QueryError.nothingKept
        case .sqlite:
            let path = DataFolder.database(in: settings.data)
            let reader: SQLiteReader
            do {
                reader = try SQLiteReader(path: path)
            } catch {
                throw SettingsError.conflict("\(error)")
            }
            try answer(request, from: reader, place: path, remedy: "restore a copy or try again")
        case .mongo:
            var configuration = MongoStoreSettings(uri: settings.mongo ?? "")
            configuration.database = settings.mongoDatabase
            configuration.depthCollection = settings.depthCollection
            configuration.signalsCollection = settings.signalsCollection
            let reader: MongoReader
            do {
                reader = try MongoReader(settings: configuration)
            } catch {
                throw SettingsError.conflict("\(error)")
            }
            try answer(
                request, from: reader, place: "\(configuration)", remedy: "check --mongo and that the server runs")
        }
    }

    private static func answer<Reader: TradeReader & ~Copyable>(
        _ request: QueryRequest, from reader: consuming Reader, place: String, remedy: String
    ) throws {
        var output = QueryOutput()
        do {
            let instruments = try request.matches(in: try reader.instruments())
            var scan = try RecordScan(
                reader, table: request.table, instruments: instruments, timesNanos: request.timesNanos,
                isDescending: request.isNewestFirst, most: request.limit)
            let formatter = request.format.formatter(of: request.table)
            formatter.appendHeader(to: &output.bytes)
            var left = request.limit
            while left > 0, output.isOpen, let record = try scan.next() {
                formatter.append(record, to: &output.bytes)
                try output.flushIfFull()
                left -= 1
            }
        } catch let error as TradeStoreError {
            try output.flush()
            throw QueryError.unreadable(error, place: place, remedy: remedy)
        }
        try output.flush()
    }
}
