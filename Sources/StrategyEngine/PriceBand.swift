/// Whether one instrument's prices lie far outside of what it traded at.
///
/// Outside is a price that differs by more than `percent` of the reference, the last price that was inside. When as many
/// prices as the longest average takes have been outside without one inside, the market has moved: the next price becomes
/// the reference. So does the first one, and the first one after a gap. Exact, O(1).
struct PriceBand {
    /// The last price inside, 0 for none.
    private var reference: Int64 = 0
    /// Prices outside since then.
    private var outside = 0

    // hot path (HotPathTests)
    /// Classifies the next price.
    ///
    /// - Parameters:
    ///   - percent: the band's half width, above 0.
    ///   - patience: prices outside in a row after which the next one is believed.
    mutating func isOutside(_ price: Int64, percent: Int, patience: Int) -> Bool {
        let distance = Int128(price) &- Int128(reference)
        // At most 2^64 · 2^7 and 2^63 · 2^14: nothing wraps.
        let isFar = (distance < 0 ? 0 &- distance : distance) &* 100 > Int128(reference) &* Int128(percent)
        guard reference != 0, isFar else {
            reference = price
            outside = 0
            return false
        }
        outside &+= 1
        if outside >= patience { reset() }
        return true
    }

    /// Ids are missing: what was traded meanwhile is unknown.
    mutating func reset() {
        reference = 0
        outside = 0
    }
}

extension PriceBand: CheckpointValue {
    func write(to checkpoint: inout CheckpointWriter) {
        checkpoint.write(reference)
        checkpoint.write(outside)
    }

    init?(from checkpoint: inout CheckpointReader) {
        guard let reference = checkpoint.read(Int64.self), let outside = checkpoint.read(Int.self) else { return nil }
        self.init()
        (self.reference, self.outside) = (reference, outside)
    }
}
