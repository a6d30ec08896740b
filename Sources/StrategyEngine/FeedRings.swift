public import RingBuffer
public import TradingModel

/// The reading ends of all feeds' rings, in feed order. Engine's thread only.
@usableFromInline
struct FeedRings: ~Copyable {
    @usableFromInline let consumers: UnsafeMutablePointer<RingConsumer>
    @usableFromInline let count: Int

    init(_ rings: [SPSCRing]) {
        consumers = .allocate(capacity: rings.count)
        count = rings.count
        for (index, ring) in rings.enumerated() { (consumers + index).initialize(to: RingConsumer(ring)) }
    }

    deinit {
        consumers.deinitialize(count: count)
        consumers.deallocate()
    }

    /// Slots in all rings; O(feeds).
    @inlinable
    var occupancy: Int {
        var sum = 0
        for index in 0..<count { sum += consumers[index].occupancy }
        return sum
    }

    /// When the first of what waits in the rings was received, `max` where nothing does. What the exchange's history gave was
    /// not. O(feeds).
    @inlinable
    var earliestReceiptNanos: UInt64 {
        var earliest = UInt64.max
        for index in 0..<count {
            let first = consumers[index].peek(most: 1, as: Tick.self)
            guard !first.isEmpty, !first[0].isRefilled else { continue }
            earliest = min(earliest, first[0].receiveMonotonicNanos)
        }
        return earliest
    }

    /// Whether any ring holds something; O(feeds).
    @inlinable
    var hasTicks: Bool {
        for index in 0..<count where consumers[index].occupancy > 0 { return true }
        return false
    }
}
