import Synchronization
import TradingModel

extension Outbox {
    /// Takes over a signal of an earlier run, before any thread uses the outbox, or by the publisher's, in the engine's
    /// stead, before that appends. Without room it traps.
    ///
    /// It may have been sent before; its monotonic time has no meaning here, so it is never measured.
    func recover(_ signal: Decision, by format: SignalCommandFormat) {
        precondition(freeSlots > 0, "more recovered signals than the outbox has room for")
        let slot = slot(head)
        let memory = unsafe UnsafeMutableBufferPointer(start: commands + slot * slotBytes, count: slotBytes)
        let written = unsafe format.write(signal, to: memory)
        unsafe headers[slot] = OutboxHeader(
            identifierHash: written.identifierHash, receiveMonotonicNanos: signal.receiveMonotonic.rawValue,
            commandBytes: UInt32(truncatingIfNeeded: written.bytes), wasSent: true)
        append()
    }

    /// Counts the recovered signals that were acknowledged before as such, before any thread uses the outbox.
    ///
    /// The last acknowledgement of each counts. One that was told again had been lost and was put back, one after the other
    /// with what was acknowledged behind it: where the run ended meanwhile, the rest is lost until it is seen.
    func recover(_ acknowledgements: [SignalAcknowledgement], firstOrdinal: UInt64, nowNanos: UInt64) {
        var end: UInt64 = 0
        for acknowledgement in acknowledgements where acknowledgement.ordinal >= firstOrdinal {
            let position = acknowledgement.ordinal - firstOrdinal
            precondition(position < head, "an acknowledgement of no recovered signal")
            // What was told once more is known to stand behind `position`, up to the first that is lost already.
            var lost = position + 1
            while lost < end, unsafe headers[slot(lost)].entry != .zero {
                unsafe headers[slot(lost)].entry = .zero
                lost += 1
            }
            unsafe headers[slot(position)].entry = StreamEntryID(
                millis: acknowledgement.entryMillis, sequence: acknowledgement.entrySequence)
            end = max(end, position + 1)
        }
        for position in 0..<end {
            unsafe headers[slot(position)].acknowledgedAtNanos = nowNanos
            unsafe headers[slot(position)].isLost = headers[slot(position)].entry == .zero
        }
        // relaxed: the threads that read it are started later.
        unsafe cell(2).pointee.store(end, ordering: .relaxed)
    }

    /// Counts all recovered signals as acknowledged under `entries`, zero for those that the server has lost; by one thread.
    func recover(_ entries: ArraySlice<StreamEntryID>, acknowledgedAtNanos: UInt64) {
        for (slot, entry) in entries.enumerated() {
            unsafe headers[slot].entry = entry
            unsafe headers[slot].acknowledgedAtNanos = acknowledgedAtNanos
            unsafe headers[slot].isLost = entry == .zero
        }
        // relaxed: no other thread reads it.
        unsafe cell(2).pointee.store(head, ordering: .relaxed)
    }
}
