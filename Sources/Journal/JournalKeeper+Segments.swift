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
        let isBeginning = !isHeldBack
        for index in chains.indices {
            while needsSegment(index) || needsFile(index), let handle = makeSegment(index) {
                chains[index].out.append(handle)
                let isGiven = chains[index].ready.tryWrite(handle)
                precondition(isGiven, "the exchange has a place for each segment")
                chains[index].ready.publishQuietly()
            }
        }
        if isBeginning { noteBeginning() }
    }

    /// Whether a chain has fewer segments than planned.
    func needsSegment(_ index: Int) -> Bool {
        // One in use beside those ahead; before the first is taken one more is ahead.
        let plan = chains[index].plan
        if plan.isOnDemand, !chains[index].demand.hasBeenMade { return false }
        if isHeldBack, plan.chain.kind != .acknowledgements { return false }
        return plan.segmentBytes > 0 && chains[index].ready.freeSlots > 0 && chains[index].out.count <= plan.readyAhead
    }

    /// Whether all that a chain's writer has, or will go on in, is memory: it leaves that for a file as soon as there is one.
    private func needsFile(_ index: Int) -> Bool {
        guard let last = chains[index].out.last else { return false }
        return last.descriptor < 0 && chains[index].ready.freeSlots > 0
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
        guard hasReserve(for: index), !mustWait(index) else { return nil }
        let isUrgent = isUrgent(index)
        guard isUrgent || MonotonicClock.now() >= chains[index].retryAt else { return nil }
        let plan = chains[index].plan
        let number = chains[index].nextSegment
        let path = "\(settings.folder)/\(SegmentFile.name(plan.chain, number))"
        var made: (base: UnsafeMutablePointer<UInt8>, descriptor: Int32)
        do throws(JournalError) { unsafe made = try unsafe file(at: path, of: plan) } catch {
            failed(error, chains[index])
            guard isUrgent, let base = unsafe SegmentFile.volatile(bytes: plan.segmentBytes) else { return nil }
            metrics.volatileSegments.add()
            unsafe made = (base, -1)
        }
        chains[index].nextSegment += 1
        let inMemoryBefore = chains[index].inMemoryLast
        chains[index].inMemoryLast = unsafe made.descriptor < 0 ? inMemoryBefore + 1 : 0
        return unsafe SegmentHandle(
            base: made.base, segmentBytes: UInt64(plan.segmentBytes), tableEntries: UInt64(plan.tableEntries),
            segment: number, createdNanos: wallClock().rawValue, descriptor: made.descriptor,
            inMemoryBefore: inMemoryBefore)
    }

    /// Within the budget and while the disk has room a new file, else the oldest one anew.
    private func file(
        at path: String, of plan: ChainPlan
    ) throws(JournalError) -> (base: UnsafeMutablePointer<UInt8>, descriptor: Int32) {
        let bytes = plan.segmentBytes
        var isFull = false
        while true {
            let isOverReserve = takesReserve(plan)
            let isOver = isFull || totalBytes + bytes > settings.budgetBytes || isOverReserve
            // What would take of the engine's part gives up its own.
            let isOwn = isOverReserve && !isFull && totalBytes + bytes <= settings.budgetBytes
            if isOver, let index = oldest(onlyOthers: isOwn) {
                let victim = chains[index].sealed.removeFirst()
                metrics.recycled.add()
                // It is used anew where that is enough; what is over the budget goes.
                if victim.bytes == bytes, totalBytes + bytes <= settings.budgetBytes, !takesReserve(plan) {
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

    /// Whether another segment of the plan's would take of the part of the budget that is the engine's.
    private func takesReserve(_ plan: ChainPlan) -> Bool {
        guard plan.chain.kind != .engine else { return false }
        return totalBytes - engineBytes + plan.segmentBytes > settings.budgetBytes - reserve.bytes
    }

    /// Whether another segment for the engine finds room in the reserve, beside those with signals that nobody has
    /// acknowledged; true for any other chain. Without room the engine waits for one.
    private func hasReserve(for index: Int) -> Bool {
        guard chains[index].plan.chain.kind == .engine else { return true }
        // A run begins with what it takes over from the last one, which is on record before anything else is.
        guard !chains[index].out.isEmpty, !chains[index].demand.hasBeenMade else {
            reserve.isFull = false
            return true
        }
        let isFull = reservedBytesInUse + chains[index].plan.segmentBytes > reserve.bytes
        if isFull, !reserve.isFull { metrics.reserveFull.add() }
        reserve.isFull = isFull
        return !isFull
    }

    /// Whether a feed waits for its next segment, so that it stops reading: the engine will take nothing more and so frees
    /// nothing, and the feeds' part of the budget is used up.
    private func mustWait(_ index: Int) -> Bool {
        let plan = chains[index].plan
        return reserve.isFull && plan.chain.kind == .feed && takesReserve(plan) && oldest(onlyOthers: true) == nil
    }

    /// Bytes of the engine's segments that may hold signals without acknowledgement; where there is any, of those that will.
    var reservedBytesInUse: Int {
        guard let engine else { return 0 }
        let waiting = engine.sealed.reduce(0) { $0 + ($1.segment >= reserve.acknowledgedSegment ? $1.bytes : 0) }
        guard waiting > 0 else { return 0 }
        return waiting + engine.out.reduce(0) { $0 + ($1.descriptor >= 0 ? Int($1.segmentBytes) : 0) }
    }

    /// Whether a run may begin the engine's next segment: before any is made.
    var mayBegin: Bool {
        guard let engine else { return true }
        return reservedBytesInUse < reserve.bytes + Self.mostStartSegments * engine.plan.segmentBytes
    }

    private var engineBytes: Int {
        guard let engine else { return 0 }
        return engine.sealed.reduce(0) { $0 + $1.bytes }
            + engine.out.reduce(0) { $0 + ($1.descriptor >= 0 ? Int($1.segmentBytes) : 0) }
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

    /// The written segment that ended first, among those that a recovery would not need and that hold no decisions nobody has
    /// acknowledged, by its chain. `onlyOthers`: not one of the engine's.
    private func oldest(onlyOthers: Bool) -> Int? {
        if isHeldBack { return nil }
        var oldest: (index: Int, endedNanos: Int64)?
        for index in chains.indices where !onlyOthers || chains[index].plan.chain.kind != .engine {
            guard let first = chains[index].sealed.first, mayRecycle(first), !holdsLastNotes(chains[index]),
                !holdsUnacknowledged(first, of: index)
            else { continue }
            if oldest.map({ first.endedNanos < $0.endedNanos }) ?? true { oldest = (index, first.endedNanos) }
        }
        return oldest?.index
    }

    var engine: Chain? { chains.first { $0.plan.chain.kind == .engine } }

    /// A recovery starts at the newest engine segment's beginning: what ended before the engine's last segment but one did
    /// is not needed.
    private func mayRecycle(_ sealed: Sealed) -> Bool {
        guard let engine else { return true }
        // What the engine had not taken at a checkpoint may stand in segments that ended before it: a whole segment in front of
        // the newest checkpoint on disk is spared, which is a written one's until this run's first is there, and while it puts on
        // record what it takes over: one that ends meanwhile has not begun (`Recovery`).
        if hasToTakeOver { return earlierLimitNanos.map { sealed.endedNanos < $0 } ?? false }
        let isBegun = engine.out.contains { unsafe $0.descriptor >= 0 && journal_segment_committed($0.base) > 0 }
        let ends = engine.sealed.suffix(isBegun ? 2 : 3)
        guard ends.count == (isBegun ? 2 : 3), let limit = ends.first?.endedNanos else { return false }
        return sealed.endedNanos < limit
    }

    /// Whether a chain's oldest written segment holds notes that the next run needs: the newest there is, since without it
    /// nothing is known of what was acknowledged or stored, and of acknowledgements as many as a publisher takes over.
    private func holdsLastNotes(_ chain: Chain) -> Bool {
        // What is in memory alone is gone with the process, and no newer note for the next run.
        let begun = chain.out.filter { $0.descriptor >= 0 }.reduce(0) {
            unsafe $0 + Int(journal_segment_committed($1.base)) * Int(JOURNAL_ENTRY_BYTES)
        }
        let newerBytes = chain.sealed.dropFirst().reduce(begun) { $0 + $1.noteBytes }
        switch chain.plan.chain.kind {
        case .acknowledgements:
            let hasFewFiles = chain.sealed.count <= Self.keptAcknowledgementFiles
            return newerBytes == 0 || newerBytes < Self.keptAcknowledgementBytes && hasFewFiles
        case .stored: return newerBytes == 0
        case .feed, .engine, .history: return false
        }
    }

    /// Whether it may hold decisions that are not acknowledged.
    private func holdsUnacknowledged(_ sealed: Sealed, of index: Int) -> Bool {
        chains[index].plan.chain.kind == .engine && sealed.segment >= reserve.acknowledgedSegment
    }

    /// Nothing may be recycled, since the engine's checkpoint is too old: asks for another. Two make the oldest free.
    private func askForCheckpoint() {
        let now = MonotonicClock.now()
        guard let engine, now >= nextCheckpointAt else { return }
        nextCheckpointAt = MonotonicNanos(rawValue: now.rawValue + settings.checkpointIntervalMillis * 1_000_000)
        engine.turn.make()
    }
}
