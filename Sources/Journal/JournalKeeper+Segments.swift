internal import CJournal
import Glibc
internal import RingBuffer
import Telemetry
import ThreadExecutor
import TradingModel

/// Making segments ahead: files, recycled files, and memory where the disk refuses both.
extension JournalKeeper {
    /// Hands out segments until each chain has as many ahead as planned.
    func prepareAhead() {
        for index in chains.indices {
            while needsSegment(index), let handle = makeSegment(index) {
                chains[index].out.append(handle)
                let isGiven = chains[index].ready.tryWrite(handle)
                precondition(isGiven, "the exchange has a place for each segment")
                chains[index].ready.publishQuietly()
            }
        }
    }

    /// Whether a chain has fewer segments than planned.
    func needsSegment(_ index: Int) -> Bool {
        // One in use beside those ahead; before the first is taken one more is ahead.
        let plan = chains[index].plan
        if plan.isOnDemand, !chains[index].demand.hasBeenMade { return false }
        return plan.segmentBytes > 0 && chains[index].ready.freeSlots > 0 && chains[index].out.count <= plan.readyAhead
    }

    /// Whether a chain's writer will soon have nothing to write to: nothing is ahead, and what it has is half full.
    private func isUrgent(_ index: Int) -> Bool {
        guard let last = chains[index].out.last else { return true }
        let entries = unsafe journal_segment_committed(last.base)
        guard entries > 0 else { return false }
        if entries * 2 >= last.tableEntries { return true }
        // The newest of the last entries that place data says how full the data region is.
        for number in ((entries > 64 ? entries - 64 : 0)..<entries).reversed() {
            let entry = unsafe last.base + Int(JOURNAL_HEADER_BYTES) + Int(number) * Int(JOURNAL_ENTRY_BYTES)
            let copy = unsafe UnsafeRawPointer(entry).loadUnaligned(as: JournalEntry.self)
            guard JournalEntry.placesData(kind: copy.kind) else { continue }
            return copy.dataRange.upperBound * 2 >= Int(last.segmentBytes)
        }
        return false
    }

    /// A file, a recycled file, or, where the disk refuses both and the writer can't wait for it, memory; else nil.
    private func makeSegment(_ index: Int) -> SegmentHandle? {
        let isUrgent = isUrgent(index)
        guard isUrgent || MonotonicClock.now() >= retryAt else { return nil }
        let plan = chains[index].plan
        let number = chains[index].nextSegment
        let path = "\(settings.folder)/\(SegmentFile.name(plan.chain, number))"
        var made: (base: UnsafeMutablePointer<UInt8>, descriptor: Int32)
        do throws(JournalError) { unsafe made = try unsafe file(at: path, bytes: plan.segmentBytes) } catch {
            failed(error)
            guard isUrgent, let base = unsafe SegmentFile.volatile(bytes: plan.segmentBytes) else { return nil }
            metrics.volatileSegments.add()
            unsafe made = (base, -1)
        }
        chains[index].nextSegment += 1
        return unsafe SegmentHandle(
            base: made.base, segmentBytes: UInt64(plan.segmentBytes), tableEntries: UInt64(plan.tableEntries),
            segment: number, createdNanos: wallClock().rawValue, descriptor: made.descriptor)
    }

    /// Within the budget and while the disk has room a new file, else the oldest one anew.
    private func file(
        at path: String, bytes: Int
    ) throws(JournalError) -> (base: UnsafeMutablePointer<UInt8>, descriptor: Int32) {
        var isFull = false
        while true {
            let isOver = isFull || totalBytes + bytes > settings.budgetBytes
            if isOver, let victim = takeOldest(isDiskFull: isFull) {
                metrics.recycled.add()
                // It is used anew where that is enough; what is over the budget goes.
                if victim.bytes == bytes, totalBytes + bytes <= settings.budgetBytes {
                    do throws(JournalError) {
                        return try unsafe SegmentFile.recycle(from: victim.path, to: path, bytes: bytes)
                    } catch { metrics.errors.add() }
                }
                // Of another size, too many, or it can't be used anew: its room is what counts.
                unsafe unlink(victim.path)
                isFull = false
                continue
            }
            if isOver { askForCheckpoint() }
            if isFull { throw .full(path: path) }
            do throws(JournalError) { return try unsafe SegmentFile.create(path: path, bytes: bytes) } catch {
                // On a full disk the oldest segments make room; any other trouble is not for want of it.
                guard case .full = error else { throw error }
                isFull = true
            }
        }
    }

    /// Bytes of all files.
    var totalBytes: Int {
        var sum = 0
        for index in chains.indices {
            for sealed in chains[index].sealed { sum += sealed.bytes }
            for handle in chains[index].out where handle.descriptor >= 0 { sum += Int(handle.segmentBytes) }
        }
        return sum
    }

    /// The written segment that ended first, among those that a recovery would not need; it is no longer ours. Segments that
    /// may hold decisions nobody has acknowledged are taken, and counted, only where there are no others and the disk is
    /// full or they have come to half of the budget.
    private func takeOldest(isDiskFull: Bool) -> Sealed? {
        if let index = oldest(where: { !holdsUnacknowledged($0, of: $1) }) { return chains[index].sealed.removeFirst() }
        let kept = engine?.sealed.reduce(0) { $0 + $1.bytes } ?? 0
        guard isDiskFull || kept * 2 > settings.budgetBytes, let index = oldest(where: { _, _ in true }) else {
            return nil
        }
        metrics.unacknowledgedSegments.add()
        return chains[index].sealed.removeFirst()
    }

    private func oldest(where isTakeable: (Sealed, Int) -> Bool) -> Int? {
        var oldest: (index: Int, endedNanos: Int64)?
        for index in chains.indices {
            guard let first = chains[index].sealed.first, mayRecycle(first), !holdsLastNotes(chains[index]),
                isTakeable(first, index)
            else { continue }
            if oldest.map({ first.endedNanos < $0.endedNanos }) ?? true { oldest = (index, first.endedNanos) }
        }
        return oldest?.index
    }

    private var engine: Chain? { chains.first { $0.plan.chain.kind == .engine } }

    /// A recovery starts at the newest engine segment's beginning: what ended before the engine's last segment but one did
    /// is not needed.
    private func mayRecycle(_ sealed: Sealed) -> Bool {
        guard let engine else { return true }
        let ends = engine.sealed.suffix(2)
        guard ends.count == 2, let limit = ends.first?.endedNanos else { return false }
        return sealed.endedNanos < limit
    }

    /// Whether a chain's oldest written segment holds notes that the next run needs: the newest there is, since without it
    /// nothing is known of what was acknowledged or stored, and of acknowledgements as many as a publisher takes over.
    private func holdsLastNotes(_ chain: Chain) -> Bool {
        let kept: Int
        switch chain.plan.chain.kind {
        case .acknowledgements: kept = Self.keptAcknowledgementBytes
        case .stored: kept = 1
        case .feed, .engine, .history: return false
        }
        let begun = chain.out.reduce(0) {
            unsafe $0 + Int(journal_segment_committed($1.base)) * Int(JOURNAL_ENTRY_BYTES)
        }
        return chain.sealed.dropFirst().reduce(begun) { $0 + $1.bytes } < kept
    }

    /// Whether it may hold decisions that are not acknowledged: it ended after everything was last.
    private func holdsUnacknowledged(_ sealed: Sealed, of index: Int) -> Bool {
        chains[index].plan.chain.kind == .engine && sealed.endedNanos >= acknowledgedNanos
    }

    /// Nothing may be recycled, since the engine's checkpoint is too old: asks for another. Two make the oldest free.
    private func askForCheckpoint() {
        let now = MonotonicClock.now()
        guard let engine, now >= nextCheckpointAt else { return }
        nextCheckpointAt = MonotonicNanos(rawValue: now.rawValue + settings.checkpointIntervalMillis * 1_000_000)
        engine.turn.make()
    }
}
