public import Journal
public import TradingModel

/// What the engine's chain of the journal holds, entry by entry.
///
/// | kind | source, detail | words |
/// |---|---|---|
/// | `take` | ring, − | 0: slots taken from that ring, 1: when (monotonic) |
/// | `timer` | −, − | 0: the time the core was told (monotonic); the last there is where the run ends |
/// | `adopted` | strategy, side | 0: instrument, 1: tick id: a sign taken over from the stream |
/// | `decision` | strategy, reason | 0: tick id, 1: exchange time, 2: receive time (monotonic), 3: price, 4: receive time (wall), 5: instrument, side in the upper half |
/// | `sums` | strategy, − | 0, 1: short sum, 2, 3: long sum, 4: number of the signal, 0 for what is none; ends its decision |
/// | `sent` | −, `PublishOutcome` | 0: number of the signal, 1: when it was handed over (monotonic) |
/// | `asked` | feed, 1 where the request found room | 0: its number, 1: first id, 2: last id, 3: instrument |
/// | `resumed` | −, − | 0: when (monotonic): a new run asks again for what the one before waited for |
/// | `checkpoint` | −, − | 0, 1 (lower half): bytes, see `DecisionCore.writeCheckpoint`; each segment begins with one |
public enum EngineEntryKind {
    /// Slots were taken from a ring.
    public static let take: UInt8 = 1
    /// Time passed.
    public static let timer: UInt8 = 2
    /// A sign was taken over.
    public static let adopted: UInt8 = 3
    /// The first half of a decision.
    public static let decision: UInt8 = 4
    /// The second half of a decision.
    public static let sums: UInt8 = 5
    /// A signal left.
    public static let sent: UInt8 = 6
    /// Missing ids were asked for.
    public static let asked: UInt8 = 7
    /// A new run goes on.
    public static let resumed: UInt8 = 8
    /// The engine's whole state.
    public static let checkpoint: UInt8 = 128

    /// When an entry was written, or just before; nil for kinds that do not say.
    public static func time(of entry: JournalEntry) -> MonotonicNanos? {
        switch entry.kind {
        case take, sent: MonotonicNanos(rawValue: entry.word1)
        case timer: entry.word0 == .max ? nil : MonotonicNanos(rawValue: entry.word0)
        default: nil
        }
    }
}

/// Puts on record what makes the engine's decisions exact again: in which order it took what, timer events, decisions.
///
/// Engine's thread only. Takes are on record before anything is made of them, signals before they are published.
public struct EngineJournal: ~Copyable, @unchecked Sendable {
    // hot path (HotPathTests)
    // Unchecked: noncopyable, so exactly one thread holds it; moving it into the engine is the hand-over.

    /// Entries of one batch at most: the take, and for each of 64 ticks three of each of 16 strategies.
    static let mostBatchEntries = 1 + 64 * 16 * 3
    /// Kept free beyond a batch: takes of a record of several slots, which must not be interrupted, and of 1,024 timers.
    static let spareEntries = 4_096

    var writer: ChainWriter
    private let taken: UnsafeMutablePointer<UInt64>
    private var lastRing = 0
    /// Slots taken from all rings.
    private(set) var takenSlots: UInt64 = 0
    private var markedSequence: UInt64 = 0
    private let ringCount: Int
    /// What was in the rings, counted as `taken` is, when the demand for a checkpoint was seen that was seen last.
    private let marks: UnsafeMutablePointer<UInt64>
    private var markedDemand: UInt64 = 0
    private var answeredDemand: UInt64 = 0
    /// What the owner wants to find in front of each checkpoint: which instruments, strategies and feeds the numbers mean.
    private let preface: UnsafeMutableRawBufferPointer
    /// Signals decided so far, over runs.
    public internal(set) var signalCount: UInt64

    /// Takes the chain's writing end.
    ///
    /// - Parameters:
    ///   - ringCount: rings the engine takes from.
    ///   - preface: copied in front of each checkpoint.
    ///   - signalCount: signals decided in earlier runs.
    public init(writer: consuming ChainWriter, ringCount: Int, preface: [UInt8], signalCount: UInt64 = 0) {
        self.writer = writer
        self.ringCount = ringCount
        self.signalCount = signalCount
        taken = .allocate(capacity: ringCount)
        taken.initialize(repeating: 0, count: ringCount)
        marks = .allocate(capacity: ringCount)
        marks.initialize(repeating: 0, count: ringCount)
        self.preface = .allocate(byteCount: max(1, preface.count), alignment: 8)
        self.preface.copyBytes(from: preface)
        prefaceBytes = preface.count
    }

    private let prefaceBytes: Int

    deinit {
        taken.deallocate()
        marks.deallocate()
        preface.deallocate()
    }

    /// Whether a whole batch fits the segment, and three entries for each of so many `decisions` beside; false, too, where
    /// another checkpoint is asked for.
    func hasRoom(besides decisions: Int) -> Bool {
        writer.freeEntries > Self.mostBatchEntries + Self.spareEntries + 3 * decisions && !writer.isAskedToAdvance
    }

    /// Whether there is to be a checkpoint in a file, which is ready, although the segment has room: the engine is in memory, or
    /// what it takes from a feed or the history was.
    var isAskedForCheckpoint: Bool {
        (writer.isInMemory || writer.checkpointDemand != answeredDemand) && writer.hasFileReady
    }

    /// Whether a checkpoint now would be worth it: memory can be left at once, and a demand is met once all has been taken that
    /// was in the rings when it was seen, of which there is `occupancy`. O(rings).
    mutating func isDueForCheckpoint(_ occupancy: (Int) -> Int) -> Bool {
        let demand = writer.checkpointDemand
        if demand != markedDemand {
            markedDemand = demand
            for ring in 0..<ringCount { marks[ring] = taken[ring] &+ UInt64(occupancy(ring)) }
        }
        return writer.isInMemory || isBehindMarks
    }

    /// Whether all is taken that was in the rings at the last demand.
    private var isBehindMarks: Bool { (0..<ringCount).allSatisfy { taken[$0] >= marks[$0] } }

    /// A checkpoint was written.
    mutating func didWriteCheckpoint() {
        guard answeredDemand != markedDemand, !writer.isInMemory, isBehindMarks else { return }
        answeredDemand = markedDemand
        writer.answer(checkpointDemand: answeredDemand)
    }

    /// Asks for segments beyond the reserve for signals without acknowledgement, until `endDemand`.
    func demandSegments() { writer.demandSegments() }

    /// From here on the reserve counts.
    func endDemand() { writer.endDemand() }

    /// The number of the last entry.
    public var lastSequence: UInt64 { writer.nextSequence - 1 }

    /// How far it is, once for each entry.
    mutating func nextMark() -> StoreMark? {
        guard lastSequence != markedSequence else { return nil }
        markedSequence = lastSequence
        return StoreMark(
            sequence: lastSequence, feed: UInt16(truncatingIfNeeded: lastRing), takenSlots: taken[lastRing])
    }

    /// Puts on record that `count` slots are taken from a ring now.
    @usableFromInline
    mutating func take(_ count: Int, from ring: Int, at now: MonotonicNanos) {
        taken[ring] &+= UInt64(count)
        takenSlots &+= UInt64(count)
        lastRing = ring
        var entry = JournalEntry(kind: EngineEntryKind.take, source: UInt16(truncatingIfNeeded: ring))
        entry.word0 = UInt64(count)
        entry.word1 = now.rawValue
        writer.append(entry)
    }

    /// Puts on record what time the core is told.
    mutating func timer(_ now: MonotonicNanos) {
        var entry = JournalEntry(kind: EngineEntryKind.timer)
        entry.word0 = now.rawValue
        writer.append(entry)
    }

    /// Puts on record that missing ids were asked for, or could not be.
    mutating func asked(_ request: RefillRequest, isAsked: Bool) {
        var entry = JournalEntry(kind: EngineEntryKind.asked, detail: isAsked ? 1 : 0, source: request.feed)
        entry.word0 = request.ordinal
        entry.word1 = request.firstID
        entry.word2 = request.lastID
        entry.word3 = UInt64(request.instrument)
        writer.append(entry)
    }

    /// Puts on record that a new run goes on.
    mutating func resumed(_ now: MonotonicNanos) {
        var entry = JournalEntry(kind: EngineEntryKind.resumed)
        entry.word0 = now.rawValue
        writer.append(entry)
    }

    /// Puts a sign on record that was taken over from the stream.
    mutating func adopted(_ sign: PublishedSign) {
        var entry = JournalEntry(
            kind: EngineEntryKind.adopted, detail: UInt8(bitPattern: sign.side.rawValue), source: sign.strategy)
        entry.word0 = UInt64(sign.instrument)
        entry.word1 = sign.tickID
        writer.append(entry)
    }

    /// Puts a decision on record and gives it, where it is a signal, the next number.
    mutating func append(_ decision: borrowing Decision) {
        var first = JournalEntry(
            kind: EngineEntryKind.decision, detail: decision.reason.rawValue, source: decision.strategy)
        first.word0 = decision.tickID
        first.word1 = UInt64(bitPattern: decision.exchangeTime.rawValue)
        first.word2 = decision.receiveMonotonic.rawValue
        first.word3 = UInt64(bitPattern: decision.price)
        first.word4 = UInt64(bitPattern: decision.receiveTime.rawValue)
        first.word5 = UInt64(decision.instrument) | UInt64(UInt8(bitPattern: decision.side.rawValue)) << 32
        writer.append(first)
        if decision.isSignal { signalCount &+= 1 }
        var second = JournalEntry(kind: EngineEntryKind.sums, source: decision.strategy)
        second.word0 = UInt64(truncatingIfNeeded: decision.shortSum)
        second.word1 = UInt64(truncatingIfNeeded: decision.shortSum >> 64)
        second.word2 = UInt64(truncatingIfNeeded: decision.longSum)
        second.word3 = UInt64(truncatingIfNeeded: decision.longSum >> 64)
        second.word4 = decision.isSignal ? signalCount : 0
        writer.append(second)
    }

    /// Puts on record that a signal left, or waits for the publisher.
    @usableFromInline
    mutating func sent(_ number: UInt64, _ outcome: PublishOutcome, at now: MonotonicNanos) {
        var entry = JournalEntry(kind: EngineEntryKind.sent, detail: outcome == .sent ? 1 : 2)
        entry.word0 = number
        entry.word1 = now.rawValue
        writer.append(entry)
    }

    /// Writes what stands in front of the core's state: preface, number of signals, slots taken by ring.
    func writePreface(to checkpoint: inout CheckpointWriter) {
        checkpoint.write(UInt32(prefaceBytes))
        checkpoint.write(bytes: UnsafeRawBufferPointer(rebasing: preface[..<prefaceBytes]))
        checkpoint.write(signalCount)
        checkpoint.write(UInt32(ringCount))
        checkpoint.write(bytes: UnsafeRawBufferPointer(start: taken, count: ringCount * 8))
    }
}

extension Decision {
    /// Reads a decision back from its two entries, with its signal's number (0: none); nil where they are no such pair.
    public init?(_ first: JournalEntry, _ second: JournalEntry) {
        guard first.kind == EngineEntryKind.decision, second.kind == EngineEntryKind.sums,
            first.source == second.source, second.sequence == first.sequence + 1,
            let side = Side(rawValue: Int8(truncatingIfNeeded: first.word5 >> 32)),
            let reason = DecisionReason(rawValue: first.detail)
        else { return nil }
        self.init(
            instrument: UInt32(truncatingIfNeeded: first.word5), strategy: first.source, side: side, reason: reason,
            tickID: first.word0, price: Int64(bitPattern: first.word3),
            shortSum: Int128(truncatingIfNeeded: second.word1) << 64 | Int128(second.word0),
            longSum: Int128(truncatingIfNeeded: second.word3) << 64 | Int128(second.word2),
            exchangeTime: UnixNanos(rawValue: Int64(bitPattern: first.word1)),
            receiveTime: UnixNanos(rawValue: Int64(bitPattern: first.word4)),
            receiveMonotonic: MonotonicNanos(rawValue: first.word2))
    }
}
