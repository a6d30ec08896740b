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
    /// Numbers behind them, too many to be taken over at once; empty for none.
    var waiting: Range<UInt64> = 0..<0
    /// The instruments and strategies of those.
    var waitingCatalogs: [MarketCatalog] = []
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
    /// The newest one in front of those, of a signal that has none among them.
    private let forgotten: SignalAcknowledgement?
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
        // the disk refused, or that a power loss took, count for nothing: this run gives their numbers to others.
        let lastSequence = try Self.lastEngineSequence(in: folder)
        self.lastSequence = lastSequence
        if let noted = stored { stored = min(noted, lastSequence) }
        storedSequence = stored
        detour = stored.map { RecordDetour(behind: $0, reached: lastSequence) }
        if let empty = folder.emptyFiles[JournalChain(.engine)]?.first {
            throw JournalError.damaged(path: empty.path, reason: "it is empty")
        }
        guard let state = try Recovery.perform(in: folder) else {
            // One that is there and of which nothing was known to be on disk is what a power loss leaves.
            if folder.chains[JournalChain(.engine)] == nil, let trace = try Self.traceOfEngine(in: folder) {
                throw JournalError.incomplete(
                    chain: JournalChain(.engine), reason: "none of its segments is there, and \(trace)")
            }
            return nil
        }
        for missing in state.missing {
            logger.error("a part of the last runs is not in the journal", metadata: ["missing": "\(missing)"])
        }
        var found: [SignalAcknowledgement] = []
        var last: UInt64?
        var older: SignalAcknowledgement?
        var lowest = UInt64.max
        var isOlder = false
        try ProgressLog.readBackwards(JournalChain(.acknowledgements), in: folder) { ordinal, millis, sequence in
            if millis + Self.undoableMillis < found.first?.entryMillis ?? millis { isOlder = true }
            let told = SignalAcknowledgement(ordinal: ordinal, entryMillis: millis, entrySequence: sequence)
            if isOlder {
                // An earlier place of a signal that was put back later counts for nothing.
                if millis > 0, ordinal < lowest { older = told }
                return millis > 0 && ordinal >= lowest
            }
            last = max(last ?? 0, ordinal)
            // Without an entry it is where publishing began.
            guard millis > 0 else { return false }
            found.append(told)
            lowest = min(lowest, ordinal)
            return true
        }
        newestEntryMillis = found.map(\.entryMillis).max()
        if let last, last > state.recordedSignals + UInt64(state.unrecorded.count) {
            // Their signals were in memory alone, or a power loss took them: others must not take their numbers.
            self.state = state.renumbered(behind: last)
            acknowledgements = []
            forgotten = nil
        } else {
            self.state = state
            acknowledgements = found.reversed()
            forgotten = older
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

    /// What shows that the engine's chain was once begun; nil for nothing: a run that is killed or ends before its first tick
    /// leaves only feeds' segments and notes of nothing.
    private static func traceOfEngine(in folder: JournalFolder) throws(JournalError) -> String? {
        var trace: String?
        try ProgressLog.readBackwards(JournalChain(.stored), in: folder) { sequence, _, _ in
            if sequence > 0 { trace = "its entries up to \(sequence) are stored" }
            return trace == nil
        }
        try ProgressLog.readBackwards(JournalChain(.acknowledgements), in: folder) { ordinal, _, _ in
            if ordinal > 0 { trace = "its signals up to \(ordinal) are acknowledged" }
            return trace == nil
        }
        if folder.chains[JournalChain(.history)] != nil { trace = trace ?? "there are answers to what it asked for" }
        for (chain, files) in folder.chains where chain.kind == .feed {
            var runs: Set<UInt64> = []
            for file in files where trace == nil {
                // Filled, while the engine took nothing?
                if try !runs.insert(SegmentReader(path: file.path).identity.run).inserted {
                    trace = "a run has filled segments of \(chain)"
                }
            }
        }
        return trace
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
    /// - Parameter most: signals that it takes over at most; where more wait, the first ones that leave a multiple of it.
    func takenOver(usual: Int, most: Int, logger: Logger) throws(ReplayError) -> TakenOverSignals {
        let next = signalCount + 1
        let waiting = publishedThrough + 1..<max(publishedThrough + 1, next)
        let isTooMany = waiting.count > most
        var first = waiting.lowerBound
        if let kept = acknowledgements.map(\.ordinal).min() {
            let end = isTooMany ? first : next
            first = min(first, max(kept, end - min(end, UInt64(usual))))
        }
        var end = next
        if isTooMany {
            end = waiting.lowerBound + UInt64((waiting.count - 1) % most + 1)
            // What is acknowledged goes alone where there is no room for both.
            if end - first > max(usual, most) { end = waiting.lowerBound }
        }
        let parts = try parts(first..<end, logger: logger)
        let numbers = parts.flatMap { $0.signals.map(\.number) }
        // Of what is acknowledged no more than what stands without a hole in front of the rest: nothing of it is to be sent.
        var begin = numbers.first { $0 > publishedThrough } ?? end
        if begin > publishedThrough + 1, numbers.contains(publishedThrough) { begin = publishedThrough + 1 }
        for number in numbers.reversed() where number == begin - 1 { begin = number }
        var recovered = RecoveredSignals()
        recovered.parts = Self.withoutHoles(parts, from: begin, until: end)
        recovered.acknowledgements = acknowledgements
        recovered.newestEntryMillis = newestEntryMillis
        recovered.forgotten = forgotten
        var taken = TakenOverSignals(firstOrdinal: begin, signals: recovered, waiting: end..<next)
        if isTooMany { taken.waitingCatalogs = try Recovery.catalogs(from: first, in: folder) + [state.catalog] }
        return taken
    }

    /// The signals of `range`, which a publisher takes over later, or once more; nil where none of them is for the stream.
    func page(
        _ range: Range<UInt64>, logger: Logger
    ) throws(ReplayError) -> (first: UInt64, parts: [RecoveredSignals.Part])? {
        let parts = try parts(range, logger: logger)
        guard let first = parts.first?.signals.first?.number, let last = parts.last?.signals.last?.number else {
            return nil
        }
        // What this run decides joins the last one.
        let end = range.upperBound > signalCount ? range.upperBound : last + 1
        return (first, Self.withoutHoles(parts, from: first, until: end))
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
                "signals without acknowledgement can't be published: they were never on disk, or are recycled",
                metadata: ["signals": "\(lost)", "among": "\(waiting.lowerBound)-\(waiting.upperBound - 1)"])
        }
        return parts.filter(\.isForStream)
    }

    /// The signals by rising number with none left out: the publisher tells them by their numbers.
    ///
    /// A number without acknowledgement that is not on disk, since it never got there, is another place of the signal in front
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
