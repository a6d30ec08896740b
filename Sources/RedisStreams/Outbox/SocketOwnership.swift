import Synchronization

/// Which thread may write to the Redis socket: one atomic word, the only lock-like thing between engine and publisher.
///
/// Whoever owns the socket also owns everything in the outbox that belongs to sending: the send cursor, the offset into a
/// half-written command, the descriptor's number and the set of known ids.
///
/// ```
///            grant (queue empty, all bytes written)
/// publisher ───────────────────────────────────────▶ engineIdle ──tryBegin──▶ engineSending
///     ▲  ▲───────────── tryTakeBack ───────────────────┘  ▲────────end───────────┘   │
///     └────────────────────────── handOver (short write, error, known id) ───────────┘
/// ```
///
/// Where the engine can't write itself, because the bytes must be encrypted, the publisher keeps the socket and says when it
/// goes to sleep:
///
/// ```
///            announceWait (queue empty, all bytes written)
/// publisher ───────────────────────────────────────▶ publisherWaits
///     ▲──────── tryTakeBack, or the engine's tryBegin, which then wakes it ──────┘
/// ```
///
/// No signal is left lying (Dekker's argument). The engine stores the outbox's head and then tries to begin; the publisher
/// stores `engineIdle` or `publisherWaits` and then loads the head; all four operations are sequentially consistent, so in
/// their single total order either the engine's attempt sees the publisher's word and sends or wakes, or the publisher's
/// load sees the head and takes back.
@safe struct SocketOwnership: @unchecked Sendable {
    // Unchecked: the only access to the cell is through its atomic operations; the outbox owns the memory.

    enum Owner: UInt64 {
        case publisher = 0
        case engineIdle = 1
        case engineSending = 2
        case publisherWaits = 3
    }

    /// What the engine's attempt to take the socket met.
    enum Begin: Equatable {
        case begun
        /// The publisher is awake and sends what is there before it lets go.
        case publisherOwns
        /// The publisher keeps the socket but was about to sleep, or sleeps: the caller must wake it.
        case publisherWaits
    }

    /// What the publisher's attempt to take the socket back met.
    enum TakeBack: Equatable {
        case taken
        case alreadyOwned
        /// The engine is inside its send call, which does not block; try again, or leave it to the engine.
        case engineSends
    }

    private let cell: UnsafeMutablePointer<Atomic<UInt64>>

    /// Works on `cell`, which must hold 0 (publisher).
    init(cell: UnsafeMutablePointer<Atomic<UInt64>>) { unsafe self.cell = cell }

    // MARK: Engine

    /// Engine: takes the socket for one send call unless the publisher has it. // hot path
    @inline(__always)
    func tryBegin() -> Begin {
        // sequentiallyConsistent on success and failure: ordered after the store of the head before it, see above. Its
        // acquire half pairs with `grant`: the publisher's writes to the sending state are seen.
        let result = unsafe cell.pointee.compareExchange(
            expected: Owner.engineIdle.rawValue, desired: Owner.engineSending.rawValue,
            ordering: .sequentiallyConsistent)
        if result.exchanged { return .begun }
        guard result.original == Owner.publisherWaits.rawValue else { return .publisherOwns }
        // relaxed: only the word changes hands; the publisher finds the signal by the head. Of several signals the first
        // wakes. Where the exchange fails the publisher woke by itself and looks at the head before it waits again.
        let wakes = unsafe cell.pointee.compareExchange(
            expected: Owner.publisherWaits.rawValue, desired: Owner.publisher.rawValue, ordering: .relaxed)
        return wakes.exchanged ? .publisherWaits : .publisherOwns
    }

    /// Engine: everything is written. // hot path
    @inline(__always)
    func end() {
        // releasing: our writes to the sending state are seen by a publisher that takes back (its compareExchange).
        unsafe cell.pointee.store(Owner.engineIdle.rawValue, ordering: .releasing)
    }

    /// Engine: something is left to the publisher, which must be woken afterwards. // hot path
    @inline(__always)
    func handOver() {
        // releasing: as `end`; pairs with the load in `isPublishers`.
        unsafe cell.pointee.store(Owner.publisher.rawValue, ordering: .releasing)
    }

    // MARK: Publisher

    /// Publisher: whether it owns the socket.
    var isPublishers: Bool {
        // acquiring: pairs with the release in `handOver`.
        let owner = unsafe cell.pointee.load(ordering: .acquiring)
        return owner == Owner.publisher.rawValue || owner == Owner.publisherWaits.rawValue
    }

    /// Publisher: lets the engine write. It must look at the head afterwards and take back where something waits.
    func grant() {
        // sequentiallyConsistent: ordered before the load of the head that follows; its release half publishes the
        // sending state to `tryBegin`.
        unsafe cell.pointee.store(Owner.engineIdle.rawValue, ordering: .sequentiallyConsistent)
    }

    /// Publisher, owning the socket: asks to be woken. It must look at the head afterwards and take back where something
    /// waits.
    func announceWait() {
        // sequentiallyConsistent: ordered before the load of the head that follows.
        unsafe cell.pointee.store(Owner.publisherWaits.rawValue, ordering: .sequentiallyConsistent)
    }

    /// Publisher: tries to own the socket again.
    func tryTakeBack() -> TakeBack {
        // acquiring (both): pairs with `end` and `handOver`. The failed case reads who has it.
        let result = unsafe cell.pointee.compareExchange(
            expected: Owner.engineIdle.rawValue, desired: Owner.publisher.rawValue,
            successOrdering: .acquiring, failureOrdering: .acquiring)
        if result.exchanged { return .taken }
        if result.original == Owner.engineSending.rawValue { return .engineSends }
        // From `publisherWaits` the engine does nothing else either, so no exchange is needed; relaxed: as there.
        unsafe cell.pointee.store(Owner.publisher.rawValue, ordering: .relaxed)
        return .alreadyOwned
    }
}
