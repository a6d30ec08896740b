internal import Indicators
internal import TradingModel

extension StrategyState {
    /// The fixed part of a state in a checkpoint; the window's prices follow, oldest first.
    fileprivate struct Head: BitwiseCopyable {
        var detector: CrossoverDetector
        /// nil: 2
        var side: Int8
        var reason: UInt8
        var isAfterGap: Bool
        var hasPublished: Bool
        var publishedSide: Int8
        var runStartID: UInt64
        var publishedTickID: UInt64
        var suspendedFor: Int64
        var prices: Int64
    }

    /// A state read back.
    struct Saved {
        fileprivate let head: Head
        fileprivate let prices: [Int64]

        init?(_ reader: inout CheckpointReader) {
            guard let head = reader.read(Head.self),
                let prices = reader.read(Int64.self, count: Int(max(0, min(head.prices, 1 << 20))))
            else { return nil }
            self.head = head
            self.prices = prices
        }
    }

    /// Writes the whole state. O(prices).
    func write(to checkpoint: inout CheckpointWriter) {
        checkpoint.write(
            Head(
                detector: detector, side: side?.rawValue ?? 2, reason: reason.rawValue, isAfterGap: isAfterGap,
                hasPublished: published != nil, publishedSide: published?.side.rawValue ?? 0, runStartID: runStartID,
                publishedTickID: published?.tickID ?? 0, suspendedFor: Int64(suspendedFor),
                prices: Int64(window.count)))
        window.withPrices { older, newer in
            checkpoint.write(bytes: UnsafeRawBufferPointer(older))
            checkpoint.write(bytes: UnsafeRawBufferPointer(newer))
        }
    }

    /// Takes a saved state over; of a strategy with the same periods.
    mutating func restore(_ saved: Saved) {
        detector = saved.head.detector
        side = Side(rawValue: saved.head.side)
        reason = DecisionReason(rawValue: saved.head.reason) ?? .warming
        isAfterGap = saved.head.isAfterGap
        runStartID = saved.head.runStartID
        suspendedFor = Int(saved.head.suspendedFor)
        published = nil
        if saved.head.hasPublished, let side = Side(rawValue: saved.head.publishedSide) {
            published = PublishedSign(
                instrument: instrument, strategy: strategy, tickID: saved.head.publishedTickID, side: side)
        }
        window.removeAll()
        for price in saved.prices { window.push(price) }
    }
}
