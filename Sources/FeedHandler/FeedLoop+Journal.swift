internal import RingBuffer
internal import Telemetry
internal import ThreadExecutor
internal import TradingModel

// What is received is in the journal before anything is made of it.
extension FeedLoop {
    /// Makes sure that what is read next lands in a journal segment; waits where none is ready. False when stopping.
    @inline(__always)
    mutating func makeJournalRoom() -> Bool {
        guard let hasRoom = journal?.hasRoom, !hasRoom else { return true }
        return waitForSegment()
    }

    @inline(never)
    private mutating func waitForSegment() -> Bool {
        while !stop.isRequested {
            if journal?.advance(&session) == true { return true }
            metrics.journalStalls.addFromOnlyWriter()
            stop.wait(timeoutMillis: 1)
            standstill.isAlive(at: MonotonicClock.now())
        }
        return false
    }

    /// Puts a read on record.
    @inline(__always)
    mutating func record(read count: Int, isDecoded: Bool, at now: MonotonicNanos) {
        var flags: ReadFlags = isDecoded ? .isDecoded : []
        if session.isBetweenMessages { flags.insert(.isClean) }
        journal?.didRead(
            count, flags: flags, connection: connectionNumber, at: now, wallOffsetNanos: clock.wallOffsetNanos,
            slots: ring.claimedSlots, unreadBytes: session.unreadBytes)
    }
}
