import Synchronization

/// A log-linear histogram of nanoseconds: exact to 255 ns, then 128 buckets an octave (relative error at most 1/128).
///
/// One thread records, any thread reads without disturbing it. A trivial handle to memory its `MetricsRegistry` owns.
/// Values above 2⁴⁰ ns (18 minutes) are counted in the last bucket; sum and maximum stay exact.
public struct LatencyHistogram: @unchecked Sendable {
    // Unchecked: one writer by contract, and every cell is atomic.

    /// Bits of linear resolution in each octave.
    @usableFromInline static let linearBits = 7
    /// The first value that is no longer told apart.
    @usableFromInline static let highestBits = 40
    /// 256 exact cells, then 128 for each of the 32 octaves from 2⁸ to 2⁴⁰.
    @usableFromInline static let bucketCount = 256 + (highestBits - linearBits - 1) << linearBits
    @usableFromInline static let sumIndex = bucketCount
    @usableFromInline static let maximumIndex = bucketCount + 1
    static let cellCount = bucketCount + 2

    @usableFromInline let cells: UnsafeMutablePointer<Atomic<UInt64>>

    init(cells: UnsafeMutablePointer<Atomic<UInt64>>) { self.cells = cells }

    /// Records one duration; only from the histogram's one writer. O(1), a few ns, no allocation.
    @inlinable @inline(__always)
    public func record(nanos: UInt64) { record(nanos: nanos, times: 1) }

    /// Records the same duration `times` times.
    @inlinable @inline(__always)
    public func record(nanos: UInt64, times: UInt64) {
        bump(Self.bucket(of: nanos), by: times)
        bump(Self.sumIndex, by: nanos &* times)
        if nanos > cells[Self.maximumIndex].load(ordering: .relaxed) {
            cells[Self.maximumIndex].store(nanos, ordering: .relaxed)
        }
    }

    @inlinable @inline(__always)
    func bump(_ index: Int, by amount: UInt64) {
        // relaxed load and store: one writer; a reader may see the parts of a record apart, which a statistic bears.
        cells[index].store(cells[index].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    @inlinable @inline(__always)
    static func bucket(of nanos: UInt64) -> Int {
        guard nanos >= 256 else { return Int(truncatingIfNeeded: nanos) }
        let exponent = 63 &- nanos.leadingZeroBitCount
        guard exponent < highestBits else { return bucketCount &- 1 }
        let shift = exponent &- linearBits
        // The leading one is implied: nanos >> shift lies in 128..<256.
        return 256 &+ (exponent &- 8) << linearBits &+ Int(truncatingIfNeeded: nanos >> UInt64(shift)) &- 128
    }

    /// The highest value counted in a bucket.
    static func upperBound(ofBucket index: Int) -> UInt64 {
        guard index >= 256 else { return UInt64(index) }
        let (octave, position) = (index - 256).quotientAndRemainder(dividingBy: 128)
        let shift = UInt64(octave + 1)
        return (UInt64(position + 129) << shift) - 1
    }

    /// A consistent enough copy for showing; O(buckets), about 2 µs, any thread.
    public func snapshot() -> LatencySnapshot {
        var counts = [UInt64](repeating: 0, count: Self.bucketCount)
        for index in counts.indices { counts[index] = cells[index].load(ordering: .relaxed) }
        return LatencySnapshot(
            counts: counts, sumNanos: cells[Self.sumIndex].load(ordering: .relaxed),
            maximumNanos: cells[Self.maximumIndex].load(ordering: .relaxed))
    }
}

/// What a `LatencyHistogram` held at one moment.
public struct LatencySnapshot: Sendable {
    let counts: [UInt64]
    /// Sum of all recorded nanoseconds.
    public let sumNanos: UInt64
    /// The largest recorded duration, exact.
    public let maximumNanos: UInt64

    /// Number of records.
    public var count: UInt64 { counts.reduce(0, +) }

    /// The value at or below which `fraction` (0 to 1) of the records lie; at most 1/128 too high; 0 when empty. O(buckets).
    public func nanos(atFraction fraction: Double) -> UInt64 {
        let total = count
        guard total > 0 else { return 0 }
        let rank = max(1, UInt64((fraction * Double(total)).rounded(.up)))
        var seen: UInt64 = 0
        for (index, amount) in counts.enumerated() {
            seen += amount
            if seen >= rank { return min(LatencyHistogram.upperBound(ofBucket: index), maximumNanos) }
        }
        return maximumNanos
    }

    /// How many records lie at or below each of `prometheusBoundsNanos`; one pass over the buckets.
    func prometheusCounts() -> [UInt64] {
        var next = 0
        var sum: UInt64 = 0
        return Self.prometheusBoundsNanos.map { bound in
            let last = LatencyHistogram.bucket(of: bound)
            while next <= last {
                sum += counts[next]
                next += 1
            }
            return sum
        }
    }

    /// The buckets that are not empty, ascending: highest nanoseconds and number of records. O(buckets).
    public var occupiedBuckets: [(highestNanos: UInt64, count: UInt64)] {
        counts.enumerated().filter { $0.element > 0 }
            .map { (LatencyHistogram.upperBound(ofBucket: $0.offset), $0.element) }
    }

    /// Both snapshots together.
    public func merged(with other: LatencySnapshot) -> LatencySnapshot {
        LatencySnapshot(
            counts: zip(counts, other.counts).map(+), sumNanos: sumNanos &+ other.sumNanos,
            maximumNanos: max(maximumNanos, other.maximumNanos))
    }

    /// An empty snapshot.
    public static let empty = LatencySnapshot(
        counts: [UInt64](repeating: 0, count: LatencyHistogram.bucketCount), sumNanos: 0, maximumNanos: 0)

    /// Bucket bounds shown to Prometheus: quarter octaves from 2⁷ ns (128 ns) to 2³⁵ ns (34 s), each one below a power
    /// or a quarter step so that it is exactly the upper bound of a bucket of ours.
    static let prometheusBoundsNanos: [UInt64] = (7..<35).flatMap { exponent in
        [4, 5, 6, 7].map { (UInt64($0) << UInt64(exponent - 2)) - 1 }
    }
}
