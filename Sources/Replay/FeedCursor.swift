internal import FeedHandler
internal import Journal
internal import TradingModel

/// Gives out the slots that a ring of the engine's was given in one run.
protocol SlotCursor: AnyObject {
    /// The chain they come from.
    var chain: JournalChain { get }
    /// Slots read and not given out.
    var slots: [Tick] { get }
    /// Reads on until `count` slots are in `slots`; fewer where the chain has no more.
    func fill(_ count: Int) throws(ReplayError)
    /// Gives `count` slots out.
    func remove(_ count: Int)
    /// Learns of segments that were begun since the folder was listed.
    func refresh(_ folder: JournalFolder) throws(ReplayError)
    /// Whether the segment read last is still what it was: what was read before this was true is sound.
    var isStillThere: Bool { get }
}

/// Those of one feed's chain, decoded again, from a number on.
final class FeedCursor: SlotCursor {
    let chain: JournalChain
    private let run: UInt64
    private var reader: ChainReader
    private var replay: FeedReplay
    private var pending: JournalEntry?
    /// Whether the chain has a place to begin at.
    private var isPlaced = false

    /// Places itself in front of the slot numbered `first`.
    ///
    /// - Throws: `missingFeed` where the chain begins later or ends before; what reading throws.
    init(
        _ replay: consuming FeedReplay, chain: JournalChain, run: UInt64, first: UInt64, in folder: JournalFolder,
        engineSegment path: String
    ) throws(ReplayError) {
        self.chain = chain
        self.run = run
        self.replay = replay
        reader = ChainReader(chain, in: folder, from: .max)
        try place(first, in: folder)
        // Nothing was taken yet: nothing needs to be there.
        guard isPlaced || first == 0, self.replay.nextSlot >= first else {
            throw .missingFeed(chain: chain, path: path)
        }
        self.replay.removeFirst(Int(first - (self.replay.nextSlot - UInt64(self.replay.slots.count))))
    }

    private func place(_ first: UInt64, in folder: JournalFolder) throws(ReplayError) {
        guard let begin = try Self.start(chain, run: run, first: first, in: folder) else { return }
        isPlaced = true
        reader = ChainReader(chain, in: folder, from: begin.segment)
        while let entry = try next() {
            guard entry.sequence >= begin.sequence, let segment = reader.segment else { continue }
            self.replay.begin(at: entry, in: segment)
            pending = entry
            break
        }
        try fill(Int(first - self.replay.nextSlot))
    }

    /// The last place in the chain at which decoding can begin and that is not behind `first`.
    private static func start(
        _ chain: JournalChain, run: UInt64, first: UInt64, in folder: JournalFolder
    ) throws(ReplayError) -> (segment: UInt64, sequence: UInt64)? {
        var found: (UInt64, UInt64)?
        do throws(JournalError) {
            for file in (folder.chains[chain] ?? []).reversed() {
                let segment = try SegmentReader(path: file.path)
                guard segment.identity.run == run else {
                    if segment.identity.run < run { break }
                    continue
                }
                var index = 0
                while let entry = segment.entry(at: index) {
                    index += 1
                    guard let slot = FeedReplay.start(at: entry) else { continue }
                    if slot > first { break }
                    found = (segment.identity.segment, entry.sequence)
                }
                if found != nil { break }
            }
        } catch { throw .journal(error) }
        return found
    }

    func fill(_ count: Int) throws(ReplayError) {
        while replay.slots.count < count {
            var entry = pending
            if entry == nil { entry = try next() }
            guard let entry, let segment = reader.segment, segment.identity.run == run else {
                return
            }
            pending = nil
            replay.take(entry, in: segment)
            if replay.hasDiverged {
                throw .diverged(path: segment.path, sequence: entry.sequence, reason: "other records than were counted")
            }
        }
    }

    var slots: [Tick] { replay.slots }

    func remove(_ count: Int) { replay.removeFirst(count) }

    func refresh(_ folder: JournalFolder) throws(ReplayError) {
        if isPlaced { reader.refresh(folder) } else { try place(0, in: folder) }
    }

    var isStillThere: Bool { reader.segment?.isStillThere ?? true }

    private func next() throws(ReplayError) -> JournalEntry? {
        do throws(JournalError) { return try reader.next() } catch { throw .journal(error) }
    }
}
