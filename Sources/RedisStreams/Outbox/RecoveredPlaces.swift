/// The signals taken over from earlier runs by id: where each stands first in the outbox, and what the stream has of it.
///
/// A signal can stand in the outbox twice: taken over from the journal and decided again, where the state behind it was in
/// memory alone, by an earlier run or by this one. Only the first place is ever sent. What is known of it outlives its slot,
/// since nobody knows how late it is decided again. Belongs to the publisher's thread; as many as were taken over, for good.
struct RecoveredPlaces {
    private var firsts: [String: UInt64] = [:]
    private var repeats: Set<UInt64> = []
    /// By position; an entry is zero while the stream is not known to have it.
    private var held: [HeldSignal] = []

    /// Looks through the first `count` places of `outbox`, which were taken over.
    init(_ outbox: Outbox, count: Int) {
        for position in 0..<UInt64(count) {
            let ours = StreamEntry(command: outbox.words(at: position))
            held.append(
                HeldSignal(entry: unsafe outbox.headers[outbox.slot(position)].entry, content: ours.content))
            guard let identifier = ours.identifier else { continue }
            if firsts[identifier] == nil { firsts[identifier] = position } else { repeats.insert(position) }
        }
    }

    /// The hashes of their ids; O(count).
    var hashes: [UInt64] { firsts.keys.map(IdentifierHash.of) }

    /// Whether the place was taken over and no other of the same signal stands before it.
    func isFirst(_ position: UInt64) -> Bool { position < held.count && !repeats.contains(position) }

    /// The first place of the signal `identifier`, where that was taken over, and what the stream has of it.
    func first(of identifier: String) -> (position: UInt64, held: HeldSignal)? {
        firsts[identifier].map { ($0, held[Int($0)]) }
    }

    /// Notes the entry that the stream has the signal at `position` under; zero where it was lost.
    mutating func note(_ position: UInt64, _ entry: StreamEntryID) {
        guard position < held.count else { return }
        held[Int(position)] = HeldSignal(entry: entry, content: held[Int(position)].content)
    }
}
