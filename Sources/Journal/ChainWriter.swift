internal import CJournal
internal import RingBuffer

/// The writing end of a chain: appends to mapped segments that another thread makes ahead and takes away again.
///
/// Owned by one thread. Appending takes two checksums and a copy; nothing allocates, blocks or enters the kernel. Once an
/// append has returned, the entry and its bytes survive the end of this process, however it ends; a power loss can take
/// what was not synchronised since. Data is written before its entry: into `dataTail`, declared by `append(_:placing:)`.
@safe public struct ChainWriter: ~Copyable, @unchecked Sendable {
    // hot path: HotPathTests, probes `feed` and `engine`
    // Unchecked: noncopyable, so exactly one thread holds it; segments pass to and fro by the rings.
    private let state: UnsafeMutablePointer<journal_writer>
    private let ready: RingConsumer
    private let retired: RingProducer
    private let demand: SegmentDemand
    private let turn: SegmentDemand
    private let checkpoints: CheckpointDemand
    private let chain: JournalChain
    private let run: UInt64
    private var current: SegmentHandle?

    /// Takes the writing end of `exchange`, whose next entry has the number `nextSequence`.
    init(exchange: SegmentExchange, chain: JournalChain, run: UInt64, nextSequence: UInt64) {
        unsafe state = .allocate(capacity: 1)
        unsafe state.initialize(to: journal_writer())
        unsafe state.pointee.next_sequence = nextSequence
        ready = RingConsumer(exchange.ready)
        retired = RingProducer(exchange.retired)
        demand = exchange.demand
        turn = exchange.turn
        checkpoints = exchange.checkpoints
        self.chain = chain
        self.run = run
    }

    deinit {
        if let left = seal() { retire(left) }
        unsafe state.deallocate()
    }

    /// Whether there is a segment to append to.
    public var hasSegment: Bool { current != nil }

    /// Whether the segment is memory that stands in for a file: what is in it ends with the process.
    public var isInMemory: Bool { current.map { $0.descriptor < 0 } ?? false }

    /// Whether it is, and a file to go on in is ready: what is put there survives the process again.
    @inline(__always)
    public var canLeaveMemory: Bool { isInMemory && hasFileReady }

    /// Whether the next segment is a file.
    public var hasFileReady: Bool {
        // The keeper puts no memory behind what is ready.
        if ready.occupancy > 1 { return true }
        return unsafe ready.peek(most: 1, as: SegmentHandle.self).first.map { $0.descriptor >= 0 } ?? false
    }

    /// The keeper's newest demand for a checkpoint behind all that the rings hold by then: something of it was in memory alone.
    @inline(__always)
    public var checkpointDemand: UInt64 { checkpoints.newest }

    /// There is one, in a file.
    public func answer(checkpointDemand: UInt64) { checkpoints.answer(checkpointDemand) }

    /// Entries that still fit the segment.
    @inline(__always)
    public var freeEntries: Int { unsafe current == nil ? 0 : Int(journal_free_entries(state)) }

    /// The number the next entry will have.
    @inline(__always)
    public var nextSequence: UInt64 { unsafe state.pointee.next_sequence }

    /// Bytes of the data region that are free, where data may be written; empty without a segment.
    @inline(__always)
    public var dataTail: UnsafeMutableRawBufferPointer {
        guard let base = unsafe state.pointee.base else {
            return unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
        }
        let used = unsafe state.pointee.data_used
        return unsafe UnsafeMutableRawBufferPointer(
            start: base + Int(used), count: Int(state.pointee.segment_bytes - used))
    }

    /// Whether the keeper asks to go on in the next segment, which is ready: at the budget's end a later beginning lets go of
    /// older ones. Memory is left for a file without being asked.
    @inline(__always)
    public var isAskedToAdvance: Bool { turn.hasBeenMade && ready.occupancy > 0 || canLeaveMemory }

    /// Asks for segments where the chain gets them on demand only, or where the engine's has none left in its reserve; they
    /// are there at the keeper's next look.
    public func demandSegments() { demand.make() }

    /// Takes that back.
    public func endDemand() { demand.takeBack() }

    /// Gives the segment back and goes on in the next one; false, and nothing changed, where none is ready yet.
    public mutating func advance() -> Bool { unsafe advance(carrying: { _ in }) }

    /// The same, and takes along what the segment left still holds.
    ///
    /// - Parameter carry: copies into the new segment's `dataTail`, the last moment at which the memory of the one left may
    ///   be used.
    public mutating func advance(carrying carry: (UnsafeMutableRawBufferPointer) -> Void) -> Bool {
        guard var handle = takeReady() else { return false }
        // Memory that a file has come behind is not needed.
        while handle.descriptor < 0, let next = takeReady() {
            retire(handle)
            handle = next
        }
        turn.takeBack()
        let left = seal()
        current = handle
        var identity = handle.identity(chain: chain, run: run, firstSequence: nextSequence)
        unsafe journal_segment_create(handle.base, &identity, UInt64(handle.inMemoryBefore))
        unsafe journal_writer_begin(state, handle.base, &identity)
        unsafe carry(dataTail)
        if let left { retire(left) }
        return true
    }

    private func takeReady() -> SegmentHandle? {
        let next = unsafe ready.peek(most: 1, as: SegmentHandle.self)
        guard let handle = unsafe next.first else { return nil }
        ready.release(count: 1)
        return handle
    }

    /// Appends an entry without bytes; a full table is our own mistake and traps.
    @inline(__always)
    public mutating func append(_ entry: JournalEntry) {
        precondition(freeEntries > 0, "an entry for a full table")
        var raw = unsafe unsafeBitCast(entry, to: journal_entry.self)
        unsafe journal_append(state, &raw)
    }

    /// Appends an entry that places the first `count` bytes of `dataTail`, which were written there; they are then used up.
    @inline(__always)
    public mutating func append(_ entry: JournalEntry, placing count: Int) {
        precondition(freeEntries > 0, "an entry for a full table")
        let offset = unsafe state.pointee.data_used
        unsafe precondition(
            UInt64(count) <= state.pointee.segment_bytes - offset, "more bytes than the segment had room for")
        var raw = unsafe unsafeBitCast(entry, to: journal_entry.self)
        unsafe journal_append_data(state, &raw, UInt32(truncatingIfNeeded: offset), UInt32(truncatingIfNeeded: count))
        unsafe state.pointee.data_used = offset + UInt64(count)
    }

    /// Where the next byte of data goes, counted from the segment's start.
    public var dataOffset: Int { unsafe Int(state.pointee.data_used) }

    /// Ends the segment in use; it is still ours.
    private func seal() -> SegmentHandle? {
        guard var handle = current else { return nil }
        unsafe journal_segment_seal(handle.base, state.pointee.entries)
        unsafe handle.entries = state.pointee.entries
        handle.nextSequence = nextSequence
        return handle
    }

    /// Hands a segment to the keeper, which unmaps it at any moment from here on.
    private func retire(_ handle: SegmentHandle) {
        // The ring has a place for every segment there is (`SegmentExchange`).
        let isKept = retired.tryWrite(handle)
        precondition(isKept, "more segments than the exchange has places for")
        retired.publishQuietly()
    }
}
