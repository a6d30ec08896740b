/// The signals taken over from earlier runs by id: where each stands first in the outbox, and what the stream has of it.
///
/// A signal can stand in the outbox twice: taken over from the journal and decided again, where the state behind it was in
/// memory alone, by an earlier run or by this one. Only the first place is ever sent. What is known of it outlives its slot,
/// since nobody knows how late it is decided again. Belongs to the publisher's thread; as many as were taken over, for good.
struct RecoveredPlaces {
    private var firsts: [String: UInt64] = [:]
    private var repeats: Set<UInt64> = []
    /// By position, from the first one on; an entry is zero while the stream is not known to have it.
    private var held: [HeldSignal] = []
    private let positions: Range<UInt64>

    /// Looks through places of `outbox` that were taken over.
    init(_ outbox: Outbox, _ positions: Range<UInt64>) {
        self.positions = positions
        for position in positions {
            let ours = StreamEntry(command: outbox.words(at: position))
            held.append(
                HeldSignal(entry: unsafe outbox.headers[outbox.slot(position)].entry, content: ours.content))
            guard let identifier = ours.identifier else { continue }
            if firsts[identifier] == nil { firsts[identifier] = position } else { repeats.insert(position) }
        }
    }

    /// Their ids, each once.
    var identifiers: some Collection<String> { firsts.keys }

    /// The hashes of their ids; O(count).
    var hashes: [UInt64] { firsts.keys.map(IdentifierHash.of) }

    /// Whether the place was taken over and no other of the same signal stands before it.
    func isFirst(_ position: UInt64) -> Bool { positions.contains(position) && !repeats.contains(position) }

    /// The first place of the signal `identifier`, where that was taken over, and what the stream has of it.
    func first(of identifier: String) -> (position: UInt64, held: HeldSignal)? {
        firsts[identifier].map { ($0, held[Int($0 - positions.lowerBound)]) }
    }

    /// Notes the entry that the stream has the signal at `position` under; zero where it was lost.
    mutating func note(_ position: UInt64, _ entry: StreamEntryID) {
        guard positions.contains(position) else { return }
        let index = Int(position - positions.lowerBound)
        held[index] = HeldSignal(entry: entry, content: held[index].content)
    }
}
