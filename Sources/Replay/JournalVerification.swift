public import Journal
internal import StrategyEngine

/// Proves a journal: every entry of every chain by its checksums and numbers, then the engine again, whose signals and
/// states must be those on record.
///
/// Used by one thread; reads only. A journal that a run is writing is proved up to what was there at the beginning.
public struct JournalVerification {
    /// What was found.
    public enum Finding: Sendable, CustomStringConvertible {
        /// By reading a chain.
        case chain(ChainFinding)
        /// The engine made something else of the same input.
        case differs(ReplayError)
        /// A part of the engine's chain that can't be played, for what it took is not there.
        case notPlayed(segment: UInt64, reason: ReplayError)

        /// Whether something is not as it was written.
        public var isDamage: Bool {
            switch self {
            case .chain(let finding): finding.isDamage
            case .differs: true
            case .notPlayed: false
            }
        }

        /// One line.
        public var description: String {
            switch self {
            case .chain(let finding): "\(finding)"
            case .differs(let error): "\(error)"
            case .notPlayed(let segment, let reason):
                "engine segment \(segment) was not played from where what it took is not there (\(reason))"
            }
        }
    }

    /// What was read.
    public struct Figures: Sendable, Equatable {
        /// Segments of all chains.
        public var segments = 0
        /// Whole entries.
        public var entries: UInt64 = 0
        /// Bytes of headers, used entries and used data.
        public var bytes = 0
        /// Runs that wrote them.
        public var runs = 0
        /// Records the engine was given again.
        public var records: UInt64 = 0
        /// Signals decided again.
        public var signals: UInt64 = 0
    }

    /// What was read so far.
    public private(set) var figures = Figures()
    /// Segments there are to read, those of the engine counted twice.
    public let segmentCount: Int
    private let folder: JournalFolder
    /// The engine's last entry before the folder was listed: what it took is in the feeds' chains of the list.
    private let lastSequence: UInt64
    /// Chains with a finding: what the engine took from them may not be there.
    private var touched: Set<JournalChain> = []

    /// Lists the folder.
    ///
    /// - Throws: what listing it throws.
    public init(path: String) throws(JournalError) {
        lastSequence = Self.lastSequence(in: try JournalFolder(path: path))
        folder = try JournalFolder(path: path)
        let engine = folder.chains[JournalChain(.engine)]?.count ?? 0
        segmentCount = folder.chains.values.reduce(engine) { $0 + $1.count }
    }

    private static func lastSequence(in folder: JournalFolder) -> UInt64 {
        for file in (folder.chains[JournalChain(.engine)] ?? []).reversed() {
            do throws(JournalError) {
                let segment = try SegmentReader(path: file.path)
                return segment.identity.firstSequence &+ UInt64(segment.committedEntries) &- 1
            } catch {
                // What is wrong with it is found when it is read.
                continue
            }
        }
        return 0
    }

    /// Verifies everything.
    ///
    /// - Parameters:
    ///   - progress: called after each segment and each played entry with the number of segments done.
    ///   - found: called for each finding.
    /// - Throws: `journal` with what `ChainCheck.step` throws, `foreignCheckpoint`.
    public mutating func run(
        progress: (Int, Figures) -> Void, found: (Finding) -> Void
    ) throws(ReplayError) {
        var runs: Set<UInt64> = []
        for chain in folder.chains.keys.sorted() {
            var check = ChainCheck(chain, in: folder)
            let before = figures
            var isTouched = false
            do throws(JournalError) {
                while try check.step({
                    isTouched = true
                    found(.chain($0))
                }) {
                    figures.segments = before.segments + check.segments
                    figures.entries = before.entries + check.entries
                    figures.bytes = before.bytes + check.bytes
                    progress(figures.segments, figures)
                }
            } catch { throw .journal(error) }
            if isTouched { touched.insert(chain) }
            runs.formUnion(check.runs)
            figures.runs = runs.count
        }
        for (chain, files) in folder.emptyFiles.sorted(by: { $0.key < $1.key }) {
            touched.insert(chain)
            for file in files { found(.chain(.empty(path: file.path))) }
        }
        for finding in try missingChains() { found(.chain(finding)) }
        try play(progress: progress, found: found)
    }

    /// Chains of which there must be something and is nothing: the engine's beside feeds, and those from which it took slots
    /// during its newest two segments, for these are never recycled. O(entries of those).
    private func missingChains() throws(ReplayError) -> [ChainFinding] {
        guard let engine = folder.chains[JournalChain(.engine)] else {
            let feeds = folder.chains.keys.filter { $0.kind == .feed }.sorted()
            return feeds.first.map { [.missingChain(JournalChain(.engine), reason: "there are some of \($0)")] } ?? []
        }
        var missing: [JournalChain: String] = [:]
        for file in engine.suffix(2) {
            let segment: SegmentReader
            // What is wrong with it was found when it was checked.
            do throws(JournalError) { segment = try SegmentReader(path: file.path) } catch { continue }
            guard let first = segment.entry(at: 0), let checkpoint = EngineCheckpoint(first, in: segment),
                let description = RunDescription(checkpoint.preface)
            else { continue }
            for index in 1..<max(1, segment.committedEntries) {
                guard let entry = segment.entry(at: index), entry.kind == EngineEntryKind.take else { continue }
                guard entry.sequence <= lastSequence else { break }
                let ring = Int(entry.source)
                let chain =
                    ring < description.feeds.count ? JournalChain(.feed, ring) : JournalChain(.history)
                if folder.chains[chain] == nil { missing[chain] = "\(segment.path) took ticks from it" }
            }
        }
        return missing.sorted { $0.key < $1.key }.map { .missingChain($0.key, reason: $0.value) }
    }

    /// Plays the engine's chain; behind what can't be played from the next segment on, which begins with a checkpoint.
    private mutating func play(progress: (Int, Figures) -> Void, found: (Finding) -> Void) throws(ReplayError) {
        let segments = (folder.chains[JournalChain(.engine)] ?? []).map(\.segment)
        guard var first = segments.first else { return }
        let done = figures.segments
        while true {
            var player = JournalPlayer(folder: folder, from: first)
            let before = figures
            do throws(ReplayError) {
                var signals: UInt64 = 0
                var (segment, beforeSegment) = (first, 0)
                while player.sequence < lastSequence, try player.step({ _ in signals += 1 }) {
                    figures.records = before.records + player.recordCount
                    figures.signals = before.signals + signals
                    if player.segment != segment {
                        segment = player.segment
                        beforeSegment = segments.count { $0 < segment }
                    }
                    progress(done + beforeSegment, figures)
                }
                return
            } catch {
                let failed = player.segment > 0 ? player.segment : first
                found(try finding(error, segment: failed))
                guard let next = segments.first(where: { $0 > failed }) else { return }
                first = next
            }
        }
    }

    /// - Throws: an error that says nothing of the journal's soundness.
    private func finding(_ error: ReplayError, segment: UInt64) throws(ReplayError) -> Finding {
        switch error {
        case .foreignCheckpoint, .overflow: throw error
        case .diverged: return .differs(error)
        case .journal:
            let isExpected = !touched.isEmpty || folder.hasLostSegments
            return isExpected ? .notPlayed(segment: segment, reason: error) : .differs(error)
        case .missingFeed(let chain, _):
            // Recycled at the budget's end, torn, or damaged.
            let isExpected = touched.contains(chain) || (folder.chains[chain]?.first?.segment ?? 2) > 1
            return isExpected ? .notPlayed(segment: segment, reason: error) : .differs(error)
        }
    }
}
