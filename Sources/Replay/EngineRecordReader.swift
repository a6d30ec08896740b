public import Journal
internal import StrategyEngine
public import TradingModel

/// An entry of the engine's chain with named fields; a decision's two entries are one.
public struct EngineRecord: Sendable {
    /// All fields there are, in the order they are printed in.
    public static let columns = [
        "sequence", "kind", "time", "monotonic", "feed", "count", "exchange", "symbol", "strategy", "side", "reason",
        "signal", "id", "tickId", "price", "shortSMA", "longSMA", "eventTime", "receiveTime", "firstId", "lastId",
        "outcome",
        "bytes",
    ]

    /// When it was written, Unix nanoseconds; nil where nothing tells.
    public var timeNanos: Int64?
    /// The fields it has, by column.
    public var fields: [String: StoredValue]
}

/// Reads the engine's chain of the journal as records. Used by one thread.
public final class EngineRecordReader {
    private var reader: ChainReader
    private let clock: JournalClock
    private var catalog: MarketCatalog?
    private var firstHalf: JournalEntry?
    /// The time of the entry before, for those that do not say theirs.
    private var latest: UnixNanos?

    /// A reader from the oldest segment on.
    public init(_ folder: JournalFolder) {
        reader = ChainReader(JournalChain(.engine), in: folder, refusesHoles: true)
        clock = JournalClock(folder)
    }

    /// The next record; nil at the end.
    ///
    /// - Throws: `journal`, `foreignCheckpoint`, `diverged` for an entry that this version does not know.
    public func next() throws(ReplayError) -> EngineRecord? {
        while true {
            let entry: JournalEntry
            do throws(JournalError) {
                guard let next = try reader.next() else { return nil }
                entry = next
            } catch { throw .journal(error) }
            guard let segment = reader.segment else { return nil }
            let time = clock.time(of: entry, in: segment)
            latest = time ?? latest
            guard var fields = try fields(of: entry, in: segment) else { continue }
            fields["sequence"] = .integer(Int64(bitPattern: entry.sequence))
            if let time { fields["time"] = .integer(time.rawValue) }
            return EngineRecord(timeNanos: latest?.rawValue, fields: fields)
        }
    }

    /// nil for the first half of a decision.
    private func fields(
        of entry: JournalEntry, in segment: SegmentReader
    ) throws(ReplayError) -> [String: StoredValue]? {
        switch entry.kind {
        case EngineEntryKind.take:
            return [
                "kind": .text("take"), "monotonic": number(entry.word1), "feed": .integer(Int64(entry.source)),
                "count": number(entry.word0),
            ]
        case EngineEntryKind.timer: return ["kind": .text("timer"), "monotonic": number(entry.word0)]
        case EngineEntryKind.adopted:
            let side = Side(rawValue: Int8(bitPattern: entry.detail)) ?? .neutral
            return names(instrument: UInt32(truncatingIfNeeded: entry.word0), strategy: entry.source).merging([
                "kind": .text("adopted"), "side": .text("\(side.name)"), "tickId": number(entry.word1),
            ]) { $1 }
        case EngineEntryKind.decision:
            firstHalf = entry
            return nil
        case EngineEntryKind.sums:
            guard let first = firstHalf, let decision = Decision(first, entry) else { break }
            return fields(of: decision, signal: entry.word4)
        case EngineEntryKind.sent:
            return [
                "kind": .text("sent"), "monotonic": number(entry.word1), "signal": number(entry.word0),
                "outcome": .text(entry.detail == 1 ? "sent" : "queued"),
            ]
        case EngineEntryKind.asked:
            var fields = names(instrument: UInt32(truncatingIfNeeded: entry.word3), strategy: 0)
            fields["strategy"] = nil
            return fields.merging([
                "kind": .text("asked"), "feed": .integer(Int64(entry.source)), "firstId": number(entry.word1),
                "lastId": number(entry.word2), "outcome": .text(entry.detail == 1 ? "asked" : "full"),
            ]) { $1 }
        case EngineEntryKind.resumed: return ["kind": .text("resumed"), "monotonic": number(entry.word0)]
        case EngineEntryKind.checkpoint:
            guard let checkpoint = EngineCheckpoint(entry, in: segment),
                let catalog = RunDescription(checkpoint.preface)?.signalCatalog
            else { throw .foreignCheckpoint(path: segment.path) }
            self.catalog = catalog
            return [
                "kind": .text("checkpoint"), "signal": number(checkpoint.signalCount),
                "bytes": .integer(Int64(entry.dataRange.count)),
            ]
        default: break
        }
        throw .diverged(path: segment.path, sequence: entry.sequence, reason: "unknown kind \(entry.kind)")
    }

    private func fields(of decision: Decision, signal: UInt64) -> [String: StoredValue] {
        var fields = names(instrument: decision.instrument, strategy: decision.strategy)
        fields["kind"] = .text("decision")
        fields["side"] = .text("\(decision.side.name)")
        fields["reason"] = .text("\(decision.reason.name)")
        if signal > 0 { fields["signal"] = number(signal) }
        fields["tickId"] = number(decision.tickID)
        fields["eventTime"] = .integer(decision.exchangeTime.rawValue)
        fields["receiveTime"] = .integer(decision.receiveTime.rawValue)
        guard let catalog, knows(decision.instrument, decision.strategy) else { return fields }
        let decimals = catalog.instruments[Int(decision.instrument)].priceDecimals
        let parameters = catalog.strategies[Int(decision.strategy)]
        fields["id"] = .text(catalog.identifier(of: decision))
        fields["price"] = .text(TextCursor.text { $0.append(fixedPoint: decision.price, decimals: decimals) })
        // Sums are 0 while there is no average.
        guard decision.longSum != 0 || decision.side != .neutral else { return fields }
        fields["shortSMA"] = .text(
            TextCursor.text {
                $0.append(averageOf: decision.shortSum, count: parameters.shortPeriod, decimals: decimals)
            })
        fields["longSMA"] = .text(
            TextCursor.text {
                $0.append(averageOf: decision.longSum, count: parameters.longPeriod, decimals: decimals)
            })
        return fields
    }

    private func names(instrument: UInt32, strategy: UInt16) -> [String: StoredValue] {
        guard let catalog, knows(instrument, strategy) else { return [:] }
        let name = catalog.instruments[Int(instrument)].instrument
        return [
            "exchange": .text(name.exchange.rawValue), "symbol": .text(name.symbol),
            "strategy": .text(catalog.strategyName(instrument: instrument, strategy: strategy)),
        ]
    }

    private func knows(_ instrument: UInt32, _ strategy: UInt16) -> Bool {
        guard let catalog else { return false }
        return Int(instrument) < catalog.instruments.count && Int(strategy) < catalog.strategies.count
    }

    private func number(_ value: UInt64) -> StoredValue {
        Int64(exactly: value).map { .integer($0) } ?? .text("\(value)")
    }
}
