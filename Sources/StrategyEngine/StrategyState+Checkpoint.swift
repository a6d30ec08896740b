internal import Indicators
internal import TradingModel

extension StrategyState {
    /// A state read back.
    struct Saved {
        fileprivate let detector: CrossoverDetector
        fileprivate let side: Side?
        fileprivate let reason: DecisionReason
        fileprivate let isAfterGap: Bool
        fileprivate let runStartID: UInt64
        fileprivate let suspendedFor: Int
        fileprivate let published: (side: Side, tickID: UInt64)?
        fileprivate let prices: [Int64]

        init?(from checkpoint: inout CheckpointReader) {
            guard let lastSign = checkpoint.read(Int8.self), let before = checkpoint.read(Int8.self),
                let side = checkpoint.read(Int8.self),
                let reason = checkpoint.read(UInt8.self).flatMap({ DecisionReason(rawValue: $0) }),
                let isAfterGap = checkpoint.readBool(), let runStartID = checkpoint.read(UInt64.self),
                let suspendedFor = checkpoint.read(Int.self), let publishedSide = checkpoint.read(Int8.self),
                let publishedTickID = checkpoint.read(UInt64.self), let count = checkpoint.read(UInt32.self),
                let prices = checkpoint.read(plain: Int64.self, count: Int(count))
            else { return nil }
            detector = CrossoverDetector(lastSign: lastSign, signBeforeGap: before)
            self.side = Side(rawValue: side)
            self.reason = reason
            self.isAfterGap = isAfterGap
            self.runStartID = runStartID
            self.suspendedFor = suspendedFor
            published = Side(rawValue: publishedSide).map { ($0, publishedTickID) }
            self.prices = prices
        }
    }

    /// What stands for no side.
    private static var noSide: Int8 { 2 }
    /// Bytes of one at most, without its prices.
    static var mostCheckpointBytes: Int { 64 }

    /// Writes the whole state, its prices oldest first. O(prices).
    func write(to checkpoint: inout CheckpointWriter) {
        checkpoint.write(detector.signs.last)
        checkpoint.write(detector.signs.beforeGap)
        checkpoint.write(side?.rawValue ?? Self.noSide)
        checkpoint.write(reason.rawValue)
        checkpoint.write(isAfterGap)
        checkpoint.write(runStartID)
        checkpoint.write(suspendedFor)
        checkpoint.write(published?.side.rawValue ?? Self.noSide)
        checkpoint.write(published?.tickID ?? 0)
        checkpoint.write(UInt32(window.count))
        window.withPrices { older, newer in
            checkpoint.write(bytes: UnsafeRawBufferPointer(older))
            checkpoint.write(bytes: UnsafeRawBufferPointer(newer))
        }
    }

    /// Takes a saved state over; of a strategy with the same periods.
    mutating func restore(_ saved: Saved) {
        detector = saved.detector
        side = saved.side
        reason = saved.reason
        isAfterGap = saved.isAfterGap
        runStartID = saved.runStartID
        suspendedFor = saved.suspendedFor
        published = saved.published.map {
            PublishedSign(instrument: instrument, strategy: strategy, tickID: $0.tickID, side: $0.side)
        }
        window.removeAll()
        for price in saved.prices { window.push(price) }
    }
}
