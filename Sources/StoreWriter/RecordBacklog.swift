public import RingBuffer

/// Records that the ring had no room for, read again from where they are on record, such as a journal.
///
/// The producer leaves its ring, and comes back to it, at a place of its own; what is between is here. All is called on the
/// store writer's thread and may read files.
public protocol RecordBacklog: AnyObject, Sendable {
    /// Where `read` puts records: slots as they would have been in the producer's ring.
    var ring: SPSCRing { get }

    /// Whether what was recorded behind the last record of the producer's ring is in the backlog. Where the ring, looked at
    /// afterwards, is empty, nothing stands in front of that.
    var isNext: Bool { get }

    /// Whether records are known to be there that were not read.
    var isBehind: Bool { get }

    /// Begins where the producer left its ring, once that is empty.
    func begin()

    /// Reads on until `slots` lie in `ring`, or nothing more is there now; false once all is read and the producer's ring
    /// goes on.
    func read(most slots: Int) -> Bool
}
