internal import Synchronization

/// The way that records take by the journal while the ring to the store writer is full: where it begins and where it ends.
///
/// What the engine recorded up to its beginning lies in the ring, and so does what it records behind its end. What is
/// between is in the journal alone, and the store writer plays it again. The engine's thread leaves the ring and comes back
/// to it, the store writer's thread asks it to. Without locks; all calls are O(1).
public final class RecordDetour: Sendable {
    /// A place in the engine's journal: behind an event and all that came of it.
    public struct Place: Sendable, Equatable {
        /// The number of the last entry.
        public var sequence: UInt64
        /// Slots that the engine had taken by then from all its rings, over the run.
        public var takenSlots: UInt64

        /// Creates a place.
        public init(sequence: UInt64, takenSlots: UInt64) {
            self.sequence = sequence
            self.takenSlots = takenSlots
        }
    }

    private static let none = UInt64.max

    private let leftSequence = Atomic<UInt64>(none)
    private let leftTaken = Atomic<UInt64>(0)
    private let reachedSequence = Atomic<UInt64>(0)
    private let backSequence = Atomic<UInt64>(none)
    private let backTaken = Atomic<UInt64>(0)
    /// The beginning of the way that the engine is asked back from.
    private let askedSequence = Atomic<UInt64>(none)

    /// A way not taken.
    public init() {}

    /// A way that begins before the run does: behind the entry `stored` of an earlier one. The journal has entries up to
    /// `reached` so far.
    public init(behind stored: UInt64, reached: UInt64) {
        leftSequence.store(stored, ordering: .relaxed)
        reachedSequence.store(reached, ordering: .relaxed)
    }

    // Engine's thread, hot path (HotPathTests).

    /// Whether records take this way now.
    var isTaken: Bool { leftSequence.load(ordering: .relaxed) != Self.none }

    /// From that place on records are in the journal alone. What is in front of it is published in the ring.
    func begin(behind place: Place) {
        leftTaken.store(place.takenSlots, ordering: .relaxed)
        reachedSequence.store(place.sequence, ordering: .relaxed)
        // Releasing, paired with `left`: an empty ring that is looked at afterwards has nothing in front of the place.
        leftSequence.store(place.sequence, ordering: .releasing)
    }

    /// The engine has come that far; whether it goes on in the ring from here.
    func reach(_ place: Place) -> Bool {
        // Releasing, paired with `reached`: the journal has everything up to there.
        reachedSequence.store(place.sequence, ordering: .releasing)
        // A request that came late, when the engine was back already, is none for the way it has taken since.
        guard askedSequence.load(ordering: .relaxed) == leftSequence.load(ordering: .relaxed) else { return false }
        leftSequence.store(Self.none, ordering: .relaxed)
        backTaken.store(place.takenSlots, ordering: .relaxed)
        // Releasing, paired with `takeBack`.
        backSequence.store(place.sequence, ordering: .releasing)
        return true
    }

    // Store writer's thread.

    /// Where the way begins; nil while records go to the ring. Slots taken are 0 where it is of an earlier run.
    public var left: Place? {
        let sequence = leftSequence.load(ordering: .acquiring)
        guard sequence != Self.none else { return nil }
        return Place(sequence: sequence, takenSlots: leftTaken.load(ordering: .relaxed))
    }

    /// The last entry that can be read by now.
    public var reached: UInt64 { reachedSequence.load(ordering: .acquiring) }

    /// Asks the engine to come back from the way that began at `left`; it does at the end of its next batch.
    public func askBack(from left: Place) { askedSequence.store(left.sequence, ordering: .relaxed) }

    /// Where the engine went on in the ring, once; nil while it has not.
    public func takeBack() -> Place? {
        let sequence = backSequence.load(ordering: .acquiring)
        guard sequence != Self.none else { return nil }
        backSequence.store(Self.none, ordering: .relaxed)
        return Place(sequence: sequence, takenSlots: backTaken.load(ordering: .relaxed))
    }
}
