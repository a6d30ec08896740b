/// The limits of a `StoreWriter`.
public struct StoreWriterConfiguration: Sendable, Equatable {
    /// Ring slots taken for one batch; a decision or kline takes two, a book update one and one more for three levels.
    /// What MongoDB writes best is 500 to 1,000 documents. A store that is slow for any batch gets up to four times as many.
    public var mostBatchRecords = 1_000
    /// Bytes of ring slots taken for one batch; the lower of the two limits holds. The batch that ends a book update
    /// holds the slots taken for it before as well, at most 512 KiB (`BookUpdate.mostSlots`), some 2 MiB as documents.
    public var mostBatchBytes = 1 << 20
    /// How long a record may wait for company before its batch is written.
    public var batchAgeMillis = 25
    /// How often an empty ring is looked at: the engine publishes without waking anyone.
    public var pollMillis = 5
    /// The wait after the first failed attempt; it doubles with each further one.
    public var firstBackoffMillis = 100
    /// The longest wait between two attempts, and the wait after a refusal.
    public var longestBackoffMillis = 1_000
    /// How often a continuing failure is logged again.
    public var logIntervalMillis = 30_000

    /// Creates a configuration with the defaults above.
    public init() {}

    /// Slots in one batch: both limits, and at least one.
    var mostBatchSlots: Int { slots(mostBatchRecords) }

    /// Slots in one batch of a store that is slow for any batch. No more: a batch that a store has already, and refuses
    /// document by document, must still be through within the time an answer may take.
    var mostCatchUpSlots: Int { slots(mostBatchSlots * 4) }

    private func slots(_ records: Int) -> Int { max(1, min(records, mostBatchBytes / SlotDecoder.slotBytes)) }
}

/// Milliseconds as nanoseconds; negative settings count as 0.
func nanos(millis: Int) -> UInt64 { UInt64(max(0, millis)) * 1_000_000 }
