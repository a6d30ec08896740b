internal import FeedHandler
internal import Journal
internal import TradingModel

/// Those of the exchange's history, which are in its chain as they are.
///
/// Their entries say which slots they hold, so a slot is found whatever the journal has recycled in front of it. In a chain
/// of a version that numbered none they are counted from the run's first entry, which must still be there.
final class HistoryCursor: SlotCursor {
    let chain = JournalChain(.history)
    private(set) var slots: [Tick] = []
    private let run: UInt64
    private let enginePath: String
    private var reader: ChainReader
    /// The number, from 1, of the slot that comes behind `slots`.
    private var nextNumber: UInt64
    /// Where an entry without a number begins; nil where that is not known.
    private var countedNumber: UInt64?
    /// Whether the entry read last is of an earlier run.
    private var isBehindEarlierRun = false
    /// The number in the chain that the next entry has unless some are missing in front of it.
    private var nextSequence: UInt64?

    /// Places itself in front of the slot that `first` others come before. What is missing shows when it is needed.
    init(run: UInt64, first: UInt64, in folder: JournalFolder, engineSegment path: String) {
        self.run = run
        enginePath = path
        // What is missing may be another run's, or not needed: the slots' numbers tell.
        reader = ChainReader(chain, in: folder, passesMissing: true)
        nextNumber = first + 1
    }

    /// - Throws: `missingFeed` where the chain begins behind the slot that comes next; what reading throws.
    func fill(_ count: Int) throws(ReplayError) {
        while slots.count < count, let entry = try next(), let segment = reader.segment {
            let isBehindMissing = nextSequence.map { $0 != entry.sequence } ?? false
            nextSequence = entry.sequence + 1
            guard segment.identity.run == run else {
                if segment.identity.run > run { return }
                isBehindEarlierRun = true
                continue
            }
            if isBehindMissing {
                countedNumber = nil
            } else if entry.sequence == 1 || isBehindEarlierRun {
                countedNumber = 1
            }
            isBehindEarlierRun = false
            guard let some = HistoryReplay.slots(of: entry, in: segment) else { continue }
            guard let number = HistoryReplay.firstNumber(of: entry) ?? countedNumber, number <= nextNumber else {
                throw .missingFeed(chain: chain, path: enginePath)
            }
            let behind = number + UInt64(some.count)
            countedNumber = behind
            guard behind > nextNumber else { continue }
            slots += some.suffix(Int(behind - nextNumber))
            nextNumber = behind
        }
    }

    func remove(_ count: Int) { slots.removeFirst(count) }

    func refresh(_ folder: JournalFolder) { reader.refresh(folder) }

    var isStillThere: Bool { reader.segment?.isStillThere ?? true }

    private func next() throws(ReplayError) -> JournalEntry? {
        do throws(JournalError) { return try reader.next() } catch { throw .journal(error) }
    }
}
