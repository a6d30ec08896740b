internal import FeedHandler
public import Journal
internal import StrategyEngine
public import TradingModel

/// Tells the wall-clock times of entries. The engine's carry monotonic times, which a feed's entries of the same run set
/// right: each has both.
public struct JournalClock: Sendable {
    private struct Offset: Sendable {
        var run: UInt64
        var monotonic: UInt64
        var wallOffsetNanos: Int64
    }

    private var offsets: [Offset] = []

    /// Takes what each feed segment begins with. O(segments).
    public init(_ folder: JournalFolder) {
        for (chain, files) in folder.chains where chain.kind == .feed {
            for file in files {
                do throws(JournalError) {
                    if let offset = Self.offset(in: try SegmentReader(path: file.path)) { offsets.append(offset) }
                } catch {
                    // Others tell the time as well; what is wrong with this one is named by who reads it.
                    continue
                }
            }
        }
        offsets.sort { ($0.run, $0.monotonic) < ($1.run, $1.monotonic) }
    }

    private static func offset(in segment: SegmentReader) -> Offset? {
        var index = 0
        while let entry = segment.entry(at: index) {
            index += 1
            guard let wall = FeedReplay.receiveTime(of: entry) else { continue }
            return Offset(
                run: segment.identity.run, monotonic: entry.word2,
                wallOffsetNanos: wall.rawValue &- Int64(bitPattern: entry.word2))
        }
        return nil
    }

    /// When an entry of that segment was written; nil where nothing tells. O(log feed segments) for the engine's.
    public func time(of entry: JournalEntry, in segment: SegmentReader) -> UnixNanos? {
        switch segment.identity.chain.kind {
        case .feed: FeedReplay.receiveTime(of: entry)
        case .engine: EngineEntryKind.time(of: entry).flatMap { time(of: $0, run: segment.identity.run) }
        case .history, .acknowledgements, .stored: nil
        }
    }

    /// The wall-clock time of a monotonic one; nil for a run of which no feed's entry is left.
    func time(of monotonic: MonotonicNanos, run: UInt64) -> UnixNanos? {
        // The last one that is not later, found by halving; else the run's first.
        var (low, high) = (0, offsets.count)
        while low < high {
            let middle = (low + high) / 2
            if (offsets[middle].run, offsets[middle].monotonic) <= (run, monotonic.rawValue) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard let offset = offsets[max(0, low - 1)...].prefix(2).first(where: { $0.run == run }) else { return nil }
        return UnixNanos(rawValue: Int64(bitPattern: monotonic.rawValue) &+ offset.wallOffsetNanos)
    }

    /// Times of the first and the last entry of a segment that say theirs. O(entries without).
    public func times(of summary: SegmentSummary, in segment: SegmentReader) -> ClosedRange<UnixNanos>? {
        func entryTime(_ index: Int) -> UnixNanos? { segment.entry(at: index).flatMap { time(of: $0, in: segment) } }
        let indices = 0..<summary.entries
        guard let first = indices.lazy.compactMap(entryTime).first,
            let last = indices.reversed().lazy.compactMap(entryTime).first
        else { return nil }
        // A wall clock that was set back must not make the range empty.
        return min(first, last)...max(first, last)
    }
}
