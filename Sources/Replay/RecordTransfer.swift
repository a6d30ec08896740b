internal import RingBuffer
internal import TradingModel

/// Takes what players record over to the store writer's ring, where the records of all runs go by one run's numbers.
///
/// What that ring has no room for waits in the players'. Used by one thread, which holds both.
struct RecordTransfer: ~Copyable {
    /// Where players put records.
    let played: SPSCRing
    private let taken: RingConsumer
    private let given: RingProducer
    private let names: RunDescription
    private var run: UInt64?
    private var numbers: RecordNumbers?

    /// - Parameter names: has a name for all that is recorded (`RunDescription.naming`).
    init(_ names: RunDescription, playedSlots: Int, to ring: SPSCRing) {
        self.names = names
        played = SPSCRing(capacitySlots: playedSlots)
        taken = RingConsumer(played)
        given = RingProducer(ring)
    }

    /// Whether nothing waits for room.
    var isEmpty: Bool { played.occupancy == 0 }

    /// Takes over what a player has published of a run since the last call; nothing of another run may wait. O(slots).
    mutating func take(of run: UInt64, _ description: RunDescription) {
        if run != self.run {
            numbers = RecordNumbers(of: description, in: names)
            self.run = run
        }
        takeWaiting()
    }

    /// Takes over what has waited, as far as there is room now. O(slots).
    func takeWaiting() {
        guard let numbers else { return }
        taken.refresh()
        while true {
            let slots = taken.peek(most: given.freeSlots, as: Tick.self)
            if slots.isEmpty { break }
            for index in slots.indices where !given.tryWrite(numbers.renumbered(slots[index])) {
                preconditionFailure("there was room for it")
            }
            taken.release(count: slots.count)
        }
        given.publishQuietly()
    }
}
