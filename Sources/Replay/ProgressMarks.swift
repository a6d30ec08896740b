public import Journal

/// What publisher and store writer have noted in a journal.
public struct ProgressMarks: Sendable, Equatable {
    /// The engine's entry up to which the store has everything; 0 where nothing was noted.
    public private(set) var storedSequence: UInt64 = 0
    /// Numbers of acknowledged signals, the lowest and the highest on record; nil for none.
    public private(set) var acknowledged: ClosedRange<UInt64>?
    /// The stream's time of the first entry on record, Unix milliseconds; nil for none.
    public private(set) var firstEntryMillis: UInt64?

    /// Reads both chains; before what they speak of is looked at, for the marks only rise. O(notes).
    ///
    /// - Throws: `ReplayError.journal`.
    public init(_ folder: JournalFolder) throws(ReplayError) {
        do throws(JournalError) {
            try ProgressLog.readBackwards(JournalChain(.stored), in: folder) { sequence, _, _ in
                storedSequence = sequence
                return false
            }
            try ProgressLog.readBackwards(JournalChain(.acknowledgements), in: folder) { number, millis, _ in
                acknowledged =
                    acknowledged.map { min($0.lowerBound, number)...max($0.upperBound, number) } ?? number...number
                firstEntryMillis = min(firstEntryMillis ?? millis, millis)
                return true
            }
        } catch { throw .journal(error) }
    }

    /// The stream's entries of signals, by number; those that are on record. O(notes).
    ///
    /// - Throws: `ReplayError.journal`.
    public static func entries(
        of numbers: Set<UInt64>, in folder: JournalFolder
    ) throws(ReplayError) -> [UInt64: (millis: UInt64, sequence: UInt64)] {
        var entries: [UInt64: (millis: UInt64, sequence: UInt64)] = [:]
        do throws(JournalError) {
            try ProgressLog.readBackwards(JournalChain(.acknowledgements), in: folder) { number, millis, sequence in
                // Of several the newest counts: a failover had undone the others.
                if numbers.contains(number), entries[number] == nil { entries[number] = (millis, sequence) }
                return entries.count < numbers.count
            }
        } catch { throw .journal(error) }
        return entries
    }
}
