import Journal
import TradingModel

/// What `tickline journal export` is asked for, as the command line gives it.
public struct JournalExportOptions: Sendable {
    /// A data folder or the journal folder in it.
    public var path: String
    /// A chain's name, such as `feed-0` or `engine`; nil for all feeds.
    public var chain: String?
    /// `ndjson` or `csv`; nil for the first.
    public var format: String?
    /// First time, included.
    public var from: String?
    /// Last time, excluded.
    public var to: String?
    /// Writes `FILE.ndjson` and `FILE.recv_ns`, as `tickline simulate` reads them, instead.
    public var recording: String?

    /// All messages of all feeds.
    public init(path: String) { self.path = path }

    /// The chains that are asked for, all feeds' or one.
    ///
    /// - Throws: `QueryError.unknown` for a name that no exportable chain has.
    func chains(in folder: JournalFolder) throws -> [JournalChain] {
        let known = folder.chains.keys.filter { $0.kind == .feed || $0.kind == .engine }.sorted()
        guard let chain else { return known.filter { $0.kind == .feed } }
        if let found = known.first(where: { "\($0)" == chain || "\($0)" == "\(chain)-0" }) { return [found] }
        let names = known.map(\.description)
        throw QueryError.unknown(flag: "--chain", chain, nearest: nearest(to: chain, in: names) ?? "", known: names)
    }
}

/// How `tickline journal export` prints.
enum JournalExportFormat: String, CaseIterable {
    case ndjson
    case csv
}
