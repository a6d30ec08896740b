import Journal
import Logging
import Replay
import StrategyEngine
import TradingModel

/// What a publisher takes over from earlier runs.
struct TakenOverSignals: Sendable {
    /// The number of the first signal, or of the first one to come.
    var firstOrdinal: UInt64 = 1
    var signals = RecoveredSignals()
    /// Numbers of signals that are to be published before, too many to be taken over with the others; empty for none.
    var earlier: Range<UInt64> = 0..<0
}

/// What the runs before this one have left in the journal.
struct RecoveredRun: Sendable {
    /// How far before the newest acknowledgement signals are kept: a failover can undo as much.
    private static let undoableMillis: UInt64 = 60_000

    /// The engine's state behind everything that was received and decided.
    let state: Recovery
    /// The engine's entry up to which the store has everything; nil where nothing was stored.
    let storedSequence: UInt64?
    /// The engine's last entry on disk.
    let lastSequence: UInt64
    /// The way by the journal for what the store lacks; nil where nothing was stored.
    let detour: RecordDetour?
    private let folder: JournalFolder
    /// Acknowledgements of the last minute of the last run, oldest first.
    private let acknowledgements: [SignalAcknowledgement]
    /// When the newest acknowledged entry was added, by Redis' clock, milliseconds.
    private let newestEntryMillis: UInt64?
    /// Signals up to this number are nothing to publish: they are acknowledged, or went to the console.
    let publishedThrough: UInt64
    /// Whether the publisher's notes say so.
    let isPublishedNoted: Bool
    /// The engine's segments in front of it hold no signal without acknowledgement.
    let acknowledgedSegment: UInt64

    /// Replays the journal's end; nil where there is none.
    ///
    /// - Throws: `JournalError`, `ReplayError`.
    init?(_ folder: JournalFolder, logger: Logger) throws {
        self.folder = folder
        var stored: UInt64?
        try ProgressLog.readBackwards(JournalChain(.stored), in: folder) { sequence, _, _ in
            stored = sequence
            return false
        }
        // A run with a store begins with a note: without any there was none. Notes of entries that were in memory alone, while
        // the disk refused, count for nothing: this run gives their numbers to others.
        let lastSequence = try Self.lastEngineSequence(in: folder)
        self.lastSequence = lastSequence
        if let noted = stored { stored = min(noted, lastSequence) }
        storedSequence = stored
        detour = stored.map { RecordDetour(behind: $0, reached: lastSequence) }
        guard let state = try Recovery.perform(in: folder) else { return nil }
        for missing in state.missing {
            logger.error("a part of the last runs was never on disk", metadata: ["missing": "\(missing)"])
        }
        var found: [SignalAcknowledgement] = []
        var last: UInt64?
        try ProgressLog.readBackwards(JournalChain(.acknowledgements), in: folder) { ordinal, millis, sequence in
            guard millis + Self.undoableMillis >= found.first?.entryMillis ?? millis else { return false }
            last = max(last ?? 0, ordinal)
            // Without an entry it is where publishing began.
            guard millis > 0 else { return false }
            found.append(SignalAcknowledgement(ordinal: ordinal, entryMillis: millis, entrySequence: sequence))
            return true
        }
        newestEntryMillis = found.map(\.entryMillis).max()
        if let last, last > state.recordedSignals + UInt64(state.unrecorded.count) {
            // Their signals were in memory alone: others must not take their numbers.
            self.state = state.renumbered(behind: last)
            acknowledgements = []
        } else {
            self.state = state
            acknowledgements = found.reversed()
        }
        // What was decided while nothing was published is not sent later.
        let recorded = self.state.recordedSignals
        let segment = try Recovery.segment(waitingBehind: last ?? recorded, of: recorded, in: folder)
        if segment.waiting == nil, segment.recycled > 0 {
            logger.error(
                "signals without acknowledgement can't be published: the journal no longer has them",
                metadata: ["signals": "\(segment.recycled)"])
        }
        acknowledgedSegment = segment.waiting ?? segment.newest
        publishedThrough = segment.waiting == nil ? max(last ?? 0, recorded) : last ?? recorded
        isPublishedNoted = publishedThrough == last
    }

    /// The engine's last entry on disk; 0 where there is none.
    private static func lastEngineSequence(in folder: JournalFolder) throws(JournalError) -> UInt64 {
        guard let newest = folder.chains[JournalChain(.engine)]?.last else { return 0 }
        let segment = try SegmentReader(path: newest.path)
        return segment.identity.firstSequence + UInt64(segment.countWholeEntries()) - 1
    }

    /// Runs of which the store may lack records.
    ///
    /// - Throws: what reading their segments throws.
    func unstoredRuns() throws(ReplayError) -> [RunDescription] {
        guard let storedSequence else { return [] }
        return try Recovery.runs(behind: storedSequence, in: folder)
    }

    /// Signals decided so far, over all runs.
    var signalCount: UInt64 { state.recordedSignals + UInt64(state.unrecorded.count) }

    /// What a publisher takes over: what is to be published, and of what is acknowledged as much as makes `usual` signals.
    ///
    /// - Parameter most: signals that it takes over at most; the first ones beyond are to be published before it starts.
    func takenOver(usual: Int, most: Int, logger: Logger) throws(ReplayError) -> TakenOverSignals {
        let next = signalCount + 1
        let earlier = publishedThrough + 1..<max(publishedThrough + 1, next - min(next, UInt64(most)))
        var first = earlier.upperBound
        if earlier.isEmpty, let kept = acknowledgements.map(\.ordinal).min() {
            first = min(first, max(kept, next - min(next, UInt64(usual))))
        }
        let parts = try parts(first..<next, logger: logger)
        let numbers = parts.flatMap { $0.signals.map(\.number) }
        // Of what is acknowledged no more than what stands without a hole in front of the rest: nothing of it is to be sent.
        var begin = numbers.first { $0 > publishedThrough } ?? next
        if begin > publishedThrough + 1, numbers.contains(publishedThrough) { begin = publishedThrough + 1 }
        for number in numbers.reversed() where number == begin - 1 { begin = number }
        var recovered = RecoveredSignals()
        recovered.parts = Self.withoutHoles(parts, from: begin, until: next)
        recovered.acknowledgements = acknowledgements
        recovered.newestEntryMillis = newestEntryMillis
        return TakenOverSignals(firstOrdinal: begin, signals: recovered, earlier: earlier)
    }

    /// The signals of `range`, which is among the `earlier` ones, as a publisher of their own takes them over; nil where none of
    /// them is for the stream.
    func earlier(_ range: Range<UInt64>, logger: Logger) throws(ReplayError) -> TakenOverSignals? {
        let parts = try parts(range, logger: logger)
        guard let first = parts.first?.signals.first?.number, let last = parts.last?.signals.last?.number else {
            return nil
        }
        var recovered = RecoveredSignals()
        recovered.parts = Self.withoutHoles(parts, from: first, until: last + 1)
        // A killed run may have sent any of them behind its last acknowledgement.
        recovered.newestEntryMillis = newestEntryMillis
        return TakenOverSignals(firstOrdinal: first, signals: recovered, earlier: range.upperBound..<range.upperBound)
    }

    /// The signals of `range` that are for the stream, and an error for those nobody has any more.
    private func parts(_ range: Range<UInt64>, logger: Logger) throws(ReplayError) -> [Recovery.Part] {
        var parts = try Recovery.signals(from: range.lowerBound, through: range.upperBound - 1, in: folder)
        // They go where this run's signals go, which puts them on record.
        let unrecorded = state.unrecorded.filter { range.contains($0.number) }
        if !unrecorded.isEmpty { parts.append((state.catalog, true, unrecorded)) }
        let waiting = range.clamped(to: publishedThrough + 1..<UInt64.max)
        let lost = waiting.count - Set(parts.flatMap { $0.signals.map(\.number).filter(waiting.contains) }).count
        if lost > 0 {
            logger.error(
                "signals without acknowledgement can't be published: they were in memory alone, or are recycled",
                metadata: ["signals": "\(lost)", "among": "\(waiting.lowerBound)-\(waiting.upperBound - 1)"])
        }
        return parts.filter(\.isForStream)
    }

    /// The signals by rising number with none left out: the publisher tells them by their numbers.
    ///
    /// A number without acknowledgement that is not on disk, since it was in memory alone, is another place of the signal in front
    /// of it: an id is sent once, whatever the number of its places, and all are told by its one entry.
    private static func withoutHoles(
        _ parts: [Recovery.Part], from begin: UInt64, until end: UInt64
    ) -> [RecoveredSignals.Part] {
        var result: [RecoveredSignals.Part] = []
        var expected: UInt64?
        func fill(to number: UInt64) {
            guard let from = expected, from < number, let last = result.last?.signals.last else { return }
            result[result.count - 1].signals += Array(repeating: last, count: Int(number - from))
        }
        for part in parts {
            var isBegun = false
            for signal in part.signals where signal.number >= expected ?? begin {
                fill(to: signal.number)
                if !isBegun { result.append(RecoveredSignals.Part(catalog: part.catalog, signals: [])) }
                isBegun = true
                result[result.count - 1].signals.append(signal.decision)
                expected = signal.number + 1
            }
        }
        fill(to: end)
        return result
    }
}
