import FeedHandler
import Journal
import RecordQuery
import Replay
import ThreadExecutor
import TradingModel

/// `tickline journal export`: what was received, message by message, or what the engine did, entry by entry.
public enum JournalExportCommand {
    /// Prints it, or writes a recording. Returns the exit status; a reader of standard output that goes away ends it without
    /// an error.
    public static func run(_ options: JournalExportOptions) async -> Int32 {
        await exitStatus {
            let format: JournalExportFormat =
                try options.format.map { try QueryOptions.choice($0, flag: "--format") } ?? .ndjson
            let times = try QueryTime.range(from: options.from, to: options.to, now: MonotonicClock.wallClock())
            let folder = try JournalFolder(userPath: options.path)
            let chains = try options.chains(in: folder)
            if let recording = options.recording {
                return try record(chains, of: folder, times, to: recording)
            }
            var output = QueryOutput()
            do {
                if chains == [JournalChain(.engine)] {
                    try exportEngine(folder, times, as: format, to: &output)
                } else {
                    try exportFeeds(chains, of: folder, times, as: format, to: &output)
                }
            } catch {
                try output.flush()
                throw error
            }
            try output.flush()
        }
    }

    private static func exportFeeds(
        _ chains: [JournalChain], of folder: JournalFolder, _ times: Range<Int64>?, as format: JournalExportFormat,
        to output: inout QueryOutput
    ) throws {
        let feeds = try MergedFeeds(chains, in: folder)
        if format == .csv { output.bytes += "receiveTime,feed,connection,message\r\n".utf8 }
        while output.isOpen, let message = try feeds.next() {
            guard times?.contains(message.receiveTime.rawValue) ?? true else { continue }
            switch format {
            case .ndjson: MessageLine.append(json: message, to: &output.bytes)
            case .csv: MessageLine.append(csv: message, to: &output.bytes)
            }
            try output.flushIfFull()
        }
    }

    private static func exportEngine(
        _ folder: JournalFolder, _ times: Range<Int64>?, as format: JournalExportFormat, to output: inout QueryOutput
    ) throws {
        let reader = EngineRecordReader(folder)
        if format == .csv { output.bytes += (EngineRecord.columns.joined(separator: ",") + "\r\n").utf8 }
        while output.isOpen, let record = try reader.next() {
            if let times {
                guard let time = record.timeNanos, times.contains(time) else { continue }
            }
            switch format {
            case .ndjson:
                let fields = EngineRecord.columns.compactMap { name in record.fields[name].map { (name, $0) } }
                JSONLine.append(fields, to: &output.bytes)
            case .csv:
                for (index, name) in EngineRecord.columns.enumerated() {
                    if index > 0 { output.bytes.append(UInt8(ascii: ",")) }
                    switch record.fields[name] {
                    case .text(let text): FieldText.append(csv: text.utf8, to: &output.bytes)
                    case .integer(let number): output.bytes += "\(number)".utf8
                    case .boolean(let flag): output.bytes += (flag ? "true" : "false").utf8
                    case nil, .some(.none): break
                    }
                }
                output.bytes += "\r\n".utf8
            }
            try output.flushIfFull()
        }
    }

    private static func record(
        _ chains: [JournalChain], of folder: JournalFolder, _ times: Range<Int64>?, to name: String
    ) throws {
        guard chains.count == 1, let chain = chains.first, chain.kind == .feed else {
            let feeds = folder.chains.keys.filter { $0.kind == .feed }.sorted().map(\.description)
            throw SettingsError.conflict(
                "--recording takes the messages of one feed; give --chain (\(feeds.joined(separator: ", ")))")
        }
        let feed = FeedMessageReader(chain, in: folder)
        var files = try RecordingFiles(name: name)
        var leftOut = 0
        while let message = try feed.next() {
            guard times?.contains(message.receiveTime.rawValue) ?? true else { continue }
            if message.isJSONObject { try files.append(message) } else { leftOut += 1 }
        }
        try files.close()
        printStatus(
            "\(files.messages) messages of \(chain) are in \(files.messagePath), their times in \(files.timePath)")
        if leftOut > 0 { printStatus("\(leftOut) messages were left out, for they are not JSON objects") }
    }
}

/// The messages of several feeds in the order in which they were received; each feed's own order stands.
private final class MergedFeeds {
    private var feeds: [(reader: FeedMessageReader, next: FeedMessage?)] = []

    init(_ chains: [JournalChain], in folder: JournalFolder) throws(JournalError) {
        for chain in chains {
            let reader = FeedMessageReader(chain, in: folder)
            feeds.append((reader, try reader.next()))
        }
    }

    /// The next message; nil at the end. O(feeds).
    func next() throws(JournalError) -> FeedMessage? {
        var earliest: (index: Int, message: FeedMessage)?
        for (index, feed) in feeds.enumerated() {
            guard let message = feed.next else { continue }
            if let found = earliest, found.message.receiveTime <= message.receiveTime { continue }
            earliest = (index, message)
        }
        guard let earliest else { return nil }
        feeds[earliest.index].next = try feeds[earliest.index].reader.next()
        return earliest.message
    }
}
