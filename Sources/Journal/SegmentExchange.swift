internal import CJournal
internal import RingBuffer
import Synchronization

/// A mapped segment on its way between the keeper and a writer: one ring slot.
@safe struct SegmentHandle: BitwiseCopyable {
    /// The mapping's first byte.
    var base: UnsafeMutablePointer<UInt8>
    var segmentBytes: UInt64
    var tableEntries: UInt64
    /// Number within the chain.
    var segment: UInt64
    /// When it was made, Unix nanoseconds.
    var createdNanos: Int64
    /// Entries written; set when it comes back.
    var entries: UInt64 = 0
    /// The number behind its last entry; set when it comes back.
    var nextSequence: UInt64 = 0
    /// Of the file, −1 where there is none: memory that stands in for it while the disk refuses.
    var descriptor: Int32
    /// How many segments directly in front of it are in memory alone.
    var inMemoryBefore: UInt32 = 0

    func identity(chain: JournalChain, run: UInt64, firstSequence: UInt64) -> journal_identity {
        journal_identity(
            run: run, segment: segment, first_sequence: firstSequence, segment_bytes: segmentBytes,
            table_entries: tableEntries, created_wall_ns: createdNanos, chain_kind: chain.kind.rawValue,
            chain_index: UInt32(chain.index))
    }
}

/// Between one writer and the keeper: segments made ahead, and segments written.
struct SegmentExchange: Sendable {
    /// Segments of one chain that are out of the keeper's hands at a time: made ahead, in use, or written.
    static let places = 8

    /// Keeper to writer.
    let ready = SPSCRing(capacitySlots: places)
    /// Whether the writer has asked for segments.
    let demand = SegmentDemand()
    /// Writer to keeper.
    let retired = SPSCRing(capacitySlots: places)
    /// Whether the keeper has asked the writer to go on in its next segment.
    let turn = SegmentDemand()
    /// Checkpoints that the keeper asks the engine for.
    let checkpoints = CheckpointDemand()
}

/// Set by the one that wants something, read and taken back by the other.
final class SegmentDemand: Sendable {
    private let isMade = Atomic<Bool>(false)

    // Relaxed: it says nothing of other memory; segments come by the ring.
    func make() { isMade.store(true, ordering: .relaxed) }
    func takeBack() { isMade.store(false, ordering: .relaxed) }
    var hasBeenMade: Bool { isMade.load(ordering: .relaxed) }
}

/// The engine may not have taken yet what another chain had in memory alone, and that chain is on disk again: the keeper asks for
/// a checkpoint behind it, without which a recovery would need what is gone with the process.
final class CheckpointDemand: Sendable {
    private let asked = Atomic<UInt64>(0)
    private let answered = Atomic<UInt64>(0)

    // releasing / acquiring: who sees the demand sees in the rings what was published before it.
    func make() { asked.wrappingAdd(1, ordering: .releasing) }
    /// Which demand is the newest.
    var newest: UInt64 { asked.load(ordering: .acquiring) }
    // Relaxed: it says nothing of other memory.
    func answer(_ demand: UInt64) { answered.store(demand, ordering: .relaxed) }
    var isOpen: Bool { answered.load(ordering: .relaxed) != newest }
}
