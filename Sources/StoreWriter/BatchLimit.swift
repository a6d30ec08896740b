/// How many ring slots the next batch may take: the usual number, and more where that makes a slow store faster.
///
/// A store that takes long for any batch, however small (a replica set acknowledges a majority once a heartbeat while a
/// member's reports hang), would fall behind for ever with one batch under way. So after a full batch that was slow, the
/// next one is twice as large, as long as each doubling pays off; a store that is slow for each record is spared
/// batches that only run into its time limit. Used by one thread; all calls are O(1).
struct BatchLimit {
    /// A batch that took longer was slow.
    static let slowNanos: UInt64 = 100_000_000
    /// What a doubling must gain in records per second: less would let a batch take 1.6 times as long as the one before.
    static let leastGain = 1.25

    private let usual: Int
    private let most: Int
    /// The limit now.
    private(set) var slots: Int
    private var rate = 0.0

    init(usual: Int, most: Int) {
        self.usual = usual
        self.most = max(usual, most)
        slots = usual
    }

    /// A batch of `count` slots was stored within `nanos` at the first attempt.
    mutating func acknowledged(slots count: Int, nanos: UInt64) {
        guard nanos > Self.slowNanos else { return reset() }
        // What was not full left nothing waiting: it keeps up.
        guard count >= slots else { return }
        let reached = Double(count) / Double(nanos)
        guard reached >= rate * Self.leastGain || slots == most else { return reset() }
        rate = reached
        slots = min(slots * 2, most)
    }

    /// Back to the usual: all is well, larger batches gain nothing, or one failed.
    mutating func reset() {
        slots = usual
        rate = 0
    }
}
