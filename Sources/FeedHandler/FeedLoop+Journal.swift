internal import RingBuffer
internal import Telemetry
internal import ThreadExecutor
internal import TradingModel

// What is received is in the journal before anything is made of it.
extension FeedLoop {
    /// Between two looks for a file while the segment is memory and nothing comes.
    private static var memoryLookMillis: Int32 { 500 }

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

    /// How long to sleep where there would be `millis` to sleep (−1: for ever): memory is not slept in for long.
    @inline(__always)
    mutating func sleepMillis(_ millis: Int32) -> Int32 {
        guard journal?.isInMemory == true else { return millis }
        return millis < 0 ? Self.memoryLookMillis : min(millis, Self.memoryLookMillis)
    }

    /// Goes on in a file that is ready, where the segment is memory, although nothing is read.
    mutating func leaveMemory() {
        if journal?.canLeaveMemory == true { _ = journal?.advance(&session) }
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
