import Glibc
import Synchronization

#if TICKLINE_PLANTED_BUGS
    import TradingModel
#endif

/// What the outbox knows of one signal beside its command.
struct OutboxHeader {
    /// FNV-1a of the signal's id. Written by the engine before the head moves past.
    var identifierHash: UInt64 = 0
    /// The tick's monotonic receive time. Written by the engine before the head moves past.
    var receiveMonotonicNanos: UInt64 = 0
    /// When Redis' acknowledgement was seen. The publisher's alone.
    var acknowledgedAtNanos: UInt64 = 0
    /// The entry that the stream has it under; zero while that is not known. The publisher's alone.
    var entry = StreamEntryID.zero
    /// Bytes of the command. Written by the engine before the head moves past.
    var commandBytes: UInt32 = 0
    /// Whether all its bytes were once handed to a socket. Belongs to the socket's owner.
    var wasSent = false
    /// Whether it is in the stream or in conflict with it and must not be sent. The publisher's alone, and only set while
    /// it owns the socket, so the owner reads it.
    var isSettled = false
    /// Whether it was sent on more than one connection. The publisher's alone.
    var wasResent = false
    /// Whether it was acknowledged and then lost by the server, and has still to be put back. The publisher's alone.
    var isLost = false
}

/// The signals on their way: preformatted commands in fixed slots, between the engine's and the publisher's thread.
///
/// Four positions only ever rise, `retained ≤ acknowledged ≤ sent ≤ head`, and position p lives in slot p mod capacity:
/// - `head`: the engine appends here (engine writes, publisher reads);
/// - `sent`: the next command whose bytes are not all written (belongs to the socket's owner, see `SocketOwnership`);
/// - `acknowledged`: the next one without Redis' reply (publisher's alone; shared as a number);
/// - `retained`: the oldest one kept, since a failover can undo acknowledged entries (publisher writes, engine reads).
///
/// The engine may write a slot once `retained` has passed it, so neither thread reads what the other writes. All memory
/// is allocated and touched at the start.
@safe final class Outbox: @unchecked Sendable {
    // Unchecked: the positions above say which thread touches which slot and when; the cells are atomic.

    /// Commands of one `sendmsg`. 64 of some 600 bytes are 38 KiB, well inside an idle socket's send buffer.
    static let mostCommandsPerSend = 64
    /// Positions and the owner word are this far apart, so that two threads' writes share no cache line (128: adjacent
    /// lines are fetched in pairs).
    static let cellDistanceBytes = 128

    let capacity: Int
    let slotBytes: Int
    let ownership: SocketOwnership
    /// Ids of the stream's tail. Belongs to the socket's owner.
    let knownIdentifiers: KnownIdentifiers

    private let mask: UInt64
    let commands: UnsafeMutablePointer<UInt8>
    let headers: UnsafeMutablePointer<OutboxHeader>
    /// When the bytes of a slot were last handed to the socket, for the time to the reply. Atomic and relaxed: the reply
    /// that makes the publisher read it travels through the kernel, which the language's memory model does not know.
    let handedOverAtNanos: UnsafeMutablePointer<Atomic<UInt64>>
    private let cells: UnsafeMutableRawPointer
    private let vectors: UnsafeMutablePointer<iovec>
    private let sending: UnsafeMutablePointer<SendState>

    /// What belongs to the socket's owner; behind a pointer, where access needs no exclusivity checks at run time.
    private struct SendState {
        var descriptor: Int32 = -1
        var sent: UInt64 = 0
        var sentOffset = 0
    }

    /// The socket the owner writes to. Belongs to the socket's owner.
    var descriptor: Int32 { unsafe sending.pointee.descriptor }

    /// The first position whose command is not completely written. Belongs to the socket's owner.
    private(set) var sent: UInt64 {
        get { unsafe sending.pointee.sent }
        set { unsafe sending.pointee.sent = newValue }
    }

    /// Bytes of the command at `sent` already written. Belongs to the socket's owner.
    private(set) var sentOffset: Int {
        get { unsafe sending.pointee.sentOffset }
        set { unsafe sending.pointee.sentOffset = newValue }
    }

    /// Allocates room for `capacity` (a power of two) commands of at most `slotBytes`.
    init(capacity: Int, slotBytes: Int, knownIdentifiers: Int) {
        self.capacity = capacity
        self.slotBytes = slotBytes
        mask = UInt64(capacity - 1)
        unsafe commands = .allocate(capacity: capacity * slotBytes)
        unsafe commands.initialize(repeating: 0, count: capacity * slotBytes)
        unsafe headers = .allocate(capacity: capacity)
        unsafe headers.initialize(repeating: OutboxHeader(), count: capacity)
        unsafe handedOverAtNanos = .allocate(capacity: capacity)
        for index in 0..<capacity { unsafe (handedOverAtNanos + index).initialize(to: Atomic(0)) }
        unsafe cells = .allocate(byteCount: 4 * Self.cellDistanceBytes, alignment: Self.cellDistanceBytes)
        for index in 0..<4 {
            unsafe (cells + index * Self.cellDistanceBytes).bindMemory(to: Atomic<UInt64>.self, capacity: 1)
                .initialize(to: Atomic(0))
        }
        unsafe vectors = .allocate(capacity: Self.mostCommandsPerSend)
        unsafe vectors.initialize(repeating: iovec(), count: Self.mostCommandsPerSend)
        unsafe sending = .allocate(capacity: 1)
        unsafe sending.initialize(to: SendState())
        self.knownIdentifiers = KnownIdentifiers(most: knownIdentifiers)
        ownership = unsafe SocketOwnership(
            cell: (cells + 3 * Self.cellDistanceBytes).assumingMemoryBound(to: Atomic<UInt64>.self))
    }

    deinit {
        unsafe commands.deallocate()
        unsafe headers.deallocate()
        unsafe handedOverAtNanos.deinitialize(count: capacity)
        unsafe handedOverAtNanos.deallocate()
        unsafe cells.deallocate()
        unsafe vectors.deallocate()
        unsafe sending.deallocate()
        knownIdentifiers.deallocate()
    }

    @inline(__always)
    func cell(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe (cells + index * Self.cellDistanceBytes).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// The slot of a position.
    @inline(__always)
    func slot(_ position: UInt64) -> Int { Int(truncatingIfNeeded: position & mask) }

    // MARK: Engine

    /// Engine: free slots, not counting what the publisher can still give up. // hot path
    @inline(__always)
    var freeSlots: Int {
        // relaxed head: own position. acquiring retained: the publisher's reads of the slots happen before we overwrite
        // them; pairs with the release in `setRetained`.
        unsafe capacity
            - Int(
                truncatingIfNeeded: cell(0).pointee.load(ordering: .relaxed)
                    &- cell(1).pointee.load(ordering: .acquiring))
    }

    /// Engine: makes the slot at the head visible, its command and header being written. // hot path
    @inline(__always)
    func append() {
        // sequentiallyConsistent: ordered before `SocketOwnership.tryBegin`, see there; its release half publishes the
        // slot and pairs with `head`.
        unsafe cell(0).pointee.store(
            cell(0).pointee.load(ordering: .relaxed) &+ 1, ordering: .sequentiallyConsistent)
    }

    // MARK: Both

    /// The position the engine writes next. The engine's own, or an acquiring view for the publisher, sequentially
    /// consistent for its look after a grant.
    @inline(__always)
    var head: UInt64 { unsafe cell(0).pointee.load(ordering: .sequentiallyConsistent) }

    /// The first position Redis has not acknowledged; any thread, a number that orders nothing.
    var acknowledged: UInt64 { unsafe cell(2).pointee.load(ordering: .relaxed) }

    /// Signals without acknowledgement; any thread.
    var pending: Int {
        // acknowledged first, so that it cannot be the newer of the two.
        let acknowledged = acknowledged
        return Int(truncatingIfNeeded: head &- acknowledged)
    }

    /// What one call of `send` came to.
    enum SendResult: Equatable {
        /// Everything up to the limit is written.
        case complete
        /// The socket takes no more for now.
        case blocked
        /// The socket is broken: the error number.
        case failed(Int32)
    }

    /// Owner: writes the commands from `sent` to `end`, passing over settled ones, without blocking. // hot path
    ///
    /// `writer` is the engine's view of `descriptor`, or the publisher's connection. The tick-to-signal time of each command that is completed for the first time is recorded in `latency`, except for
    /// the one at `unmeasured`, which the caller measures. O(commands); one system call for up to 64 of them.
    func send(
        upTo end: UInt64, to writer: some CommandWriter, now: () -> UInt64, unmeasured: UInt64,
        record: (_ receivedAtNanos: UInt64) -> Void
    ) -> SendResult {
        while true {
            var count = 0
            var position = sent
            let startedAt = now()
            while position != end, count < Self.mostCommandsPerSend {
                let slot = slot(position)
                if unsafe !headers[slot].isSettled {
                    let offset = position == sent ? sentOffset : 0
                    let length = unsafe Int(headers[slot].commandBytes) - offset
                    unsafe vectors[count] = iovec(
                        iov_base: commands + slot * slotBytes + offset, iov_len: length)
                    unsafe handedOverAtNanos[slot].store(startedAt, ordering: .relaxed)
                    count &+= 1
                }
                position &+= 1
            }
            guard count > 0 else {
                sent = position
                return .complete
            }
            switch unsafe writer.write(vectors, count) {
            case .wrote(let written):
                advance(by: written, upTo: end, unmeasured: unmeasured, record: record)
                if sent == end { return .complete }
            case .blocked: return .blocked
            case .failed(let code): return .failed(code)
            }
        }
    }

    /// Owner: moves the send cursor over `written` bytes.
    private func advance(
        by written: Int, upTo end: UInt64, unmeasured: UInt64, record: (UInt64) -> Void
    ) {
        var left = written
        while sent != end {
            let slot = slot(sent)
            if unsafe !headers[slot].isSettled {
                let length = unsafe Int(headers[slot].commandBytes) - sentOffset
                guard left >= length else {
                    sentOffset += left
                    return
                }
                left -= length
                // Signals of refilled ticks have no receive time.
                let receivedAtNanos = unsafe headers[slot].receiveMonotonicNanos
                if unsafe !headers[slot].wasSent, sent != unmeasured, receivedAtNanos != 0 { record(receivedAtNanos) }
                unsafe headers[slot].wasSent = true
            }
            sent &+= 1
            sentOffset = 0
        }
    }
}

// MARK: Publisher

extension Outbox {
    /// Publisher: the oldest position kept.
    var retained: UInt64 { unsafe cell(1).pointee.load(ordering: .relaxed) }

    /// Publisher: gives the slots below `position` to the engine.
    func setRetained(_ position: UInt64) {
        // releasing: our reads of the slots happen before the engine's writes; pairs with the acquire in `freeSlots`.
        unsafe cell(1).pointee.store(position, ordering: .releasing)
    }

    /// Publisher: counts the command at `acknowledged` and the settled ones behind it as acknowledged, each of them told
    /// before it counts.
    func acknowledge(atNanos: UInt64, includingFirst: Bool, tell: (_ position: UInt64, StreamEntryID) -> Void) {
        var position = acknowledged
        let head = head
        var isNext = includingFirst
        while position != head, unsafe isNext || headers[slot(position)].isSettled {
            isNext = false
            unsafe headers[slot(position)].acknowledgedAtNanos = atNanos
            unsafe tell(position, headers[slot(position)].entry)
            position &+= 1
        }
        // relaxed: a gauge for other threads.
        unsafe cell(2).pointee.store(position, ordering: .relaxed)
    }

    /// Publisher: gives up acknowledged signals that are older than `retentionNanos`, nil for none, and the oldest others
    /// until a quarter of the slots is free.
    ///
    /// - Parameter early: told each that is given up before its time.
    /// - Returns: the entry of the newest that was given up; zero where it is not known, or nothing was.
    @discardableResult
    func release(
        nowNanos: UInt64, retentionNanos: UInt64?, early: (_ position: UInt64) -> Void
    ) -> StreamEntryID {
        let limit = acknowledged
        var position = retained
        if let retentionNanos {
            while position != limit, unsafe headers[slot(position)].acknowledgedAtNanos &+ retentionNanos <= nowNanos {
                position &+= 1
            }
        }
        let leastKept = head &+ UInt64(capacity / 4) &- UInt64(capacity)
        while position != limit, Int64(bitPattern: leastKept &- position) > 0 {
            early(position)
            position &+= 1
        }
        guard position != retained else { return .zero }
        let newest = unsafe headers[slot(position &- 1)].entry
        setRetained(position)
        return newest
    }

    /// Publisher, owning the socket: starts over on a new connection from the first unacknowledged command.
    func restart(on descriptor: Int32) {
        unsafe sending.pointee.descriptor = descriptor
        sent = acknowledged
        #if TICKLINE_PLANTED_BUGS
            if PlantedBug.planted == .skipResend { sent = head }
        #endif
        sentOffset = 0
    }

    /// Publisher: the words of the command at `position`.
    func words(at position: UInt64) -> [String] {
        let slot = slot(position)
        return unsafe SignalCommandFormat.words(
            UnsafeRawBufferPointer(start: commands + slot * slotBytes, count: Int(headers[slot].commandBytes)))
    }
}
