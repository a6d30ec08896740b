internal import Journal
public import Logging
public import RingBuffer
public import StrategyEngine
public import Telemetry
internal import ThreadExecutor
internal import TradingModel

/// Reads from the journal what the store writer's ring had no room for: records of the running process, or of those before
/// it, in the engine's order and each once.
///
/// Plays the journal from the place at which the engine left the ring up to the one at which it came back, while it goes on
/// writing. Records of earlier runs are handed over by the present one's numbers, whatever theirs are. What was recycled, or was
/// in memory alone while the disk refused, is passed over up to the next checkpoint that can be played, and counted: by the run's
/// own count where reading goes on in the run that it broke off in. Else that are the slots which the run it goes on in had taken
/// by then; what earlier ones had received is not known, and in no count. Used by the store writer's thread alone; holds two
/// rings and one engine's state.
public final class JournalCatchUp: @unchecked Sendable {
    // Unchecked: made by the owner, then used by the store writer's thread alone; starting the thread is the hand-over.

    /// 16 MiB, touched only when used; what one event gives fits by far.
    private static let playedSlots = 1 << 18
    /// 2 MiB, far above what the store writer reads at a time; what finds no room waits among what was played.
    private static let capacitySlots = 1 << 15
    /// So many slots of what a run has left are one step.
    private static let mostLeftoverSlots = 4_096
    /// Events played in one go where they give no records.
    private static let mostSteps = 4_096
    /// With so few entries to go the engine is asked back.
    private static let nearEntries: UInt64 = 1_024

    /// Where the records are put.
    public let ring = SPSCRing(capacitySlots: capacitySlots)
    private let path: String
    private let currentRun: UInt64
    private let detour: RecordDetour
    private let logger: Logger
    private let lost: Counter
    private let detours: Counter
    private let backlog: Gauge
    private var player: JournalPlayer?
    private var records: RecordTransfer
    private var isRecording = false
    /// Up to where records were read, or passed over; the run is nil for an earlier one of which nothing was played.
    private var place = RecordDetour.Place(sequence: 0, takenSlots: 0)
    private var run: UInt64?
    /// Where the engine left its ring.
    private var left = RecordDetour.Place(sequence: 0, takenSlots: 0)
    /// Entries up to which the journal can be read, as far as the player was told.
    private var limit: UInt64 = 0
    /// Entries up to which it can be read and none of which is in the engine's ring.
    private var known: UInt64 = 0
    /// Where the engine went on in the ring.
    private var end: RecordDetour.Place?
    private var droppedSlots = 0
    private var begunAt = MonotonicNanos(rawValue: 0)
    /// The last entry of an earlier run whose leftovers were taken.
    private var leftoversTakenBehind: UInt64?
    /// What was said of `reportedPlace`.
    private var reported: Set<String> = []
    private var reportedPlace = RecordDetour.Place(sequence: 0, takenSlots: 0)

    /// Reads the journal in the folder `path`, which run `run` writes.
    ///
    /// - Parameter names: that run with a name for all that earlier ones' records may be of (`Recovery.runs`): by its numbers
    ///   records are handed over.
    public init(
        path: String, run: UInt64, names: RunDescription, detour: RecordDetour, metrics: MetricsRegistry, logger: Logger
    ) {
        self.path = path
        records = RecordTransfer(names, playedSlots: Self.playedSlots, to: ring)
        currentRun = run
        self.detour = detour
        self.logger = logger
        lost = metrics.counter(
            "tickline_dropped_total", help: "What was dropped, by what it was.", labels: [("what", "unstored_slot")])
        detours = metrics.counter(
            "tickline_store_detours_total", help: "Times that the store writer went on from the journal.")
        backlog = metrics.gauge(
            "tickline_store_backlog_entries", help: "Entries of the engine's journal that the store writer has to read."
        )
    }

    /// Whether what the engine recorded behind the last record in its ring is in the journal. Look at this ring afterwards:
    /// empty, there is nothing in front of that.
    public var isNext: Bool { detour.left != nil }

    /// Whether records are known to be there that were not read.
    public var isBehind: Bool { !records.isEmpty || place.sequence < end?.sequence ?? detour.reached }

    /// Begins where the engine left its ring, which is empty by now.
    public func begin() {
        guard let left = detour.left else { return }
        (self.left, place, end, limit) = (left, left, nil, 0)
        // Of an earlier run it is not known how many slots it had taken.
        run = left.takenSlots > 0 ? currentRun : nil
        begunAt = MonotonicClock.now()
        detours.addFromOnlyWriter()
        logger.notice("the store goes on from the journal", metadata: ["entry": "\(left.sequence)"])
    }

    /// Reads on until `slots` lie in `ring`, or nothing more is there now; false once all is read and the engine's ring goes
    /// on. O(events played).
    public func read(most slots: Int) -> Bool {
        records.takeWaiting()
        guard records.isEmpty else { return true }
        if let end, place.sequence >= end.sequence { return false }
        // Asked first: where the engine is not known to be back by then, it lies in front of where it comes back.
        known = detour.reached
        if end == nil, let back = detour.takeBack() { (end, limit) = (back, 0) }
        defer { backlog.set(Double(max(place.sequence, end?.sequence ?? detour.reached) - place.sequence)) }
        do throws(ReplayError) {
            try play(most: slots)
        } catch {
            report("records for the store are no longer in the journal", error)
            pass()
        }
        guard let end else {
            if known - min(known, place.sequence) <= Self.nearEntries { detour.askBack(from: left) }
            return true
        }
        guard place.sequence >= end.sequence else { return true }
        close()
        return !records.isEmpty
    }

    private func close() {
        guard player != nil else { return }
        player = nil
        isRecording = false
        let seconds = Double(MonotonicClock.now().nanos(since: begunAt)) / 1e9
        logger.notice("the store has caught up with the journal", metadata: ["seconds": "\(seconds)"])
    }

    private func play(most slots: Int) throws(ReplayError) {
        if player == nil { try open() }
        var steps = 0
        // A record that was taken in two events is read to its end: no mark may stand within it.
        while records.isEmpty, ring.occupancy < slots && steps < Self.mostSteps || player?.isWithinRecord == true {
            if place.sequence >= limit {
                guard try extend() else { break }
            }
            guard try player?.step({ _ in }) == true else {
                throw .journal(
                    .incomplete(chain: JournalChain(.engine), reason: "entry \(place.sequence + 1) is missing"))
            }
            steps += 1
            guard player?.isStillThere == true else {
                throw .journal(.incomplete(chain: JournalChain(.engine), reason: "recycled while it was read"))
            }
            advance()
        }
        if isRecording, steps > 0, player?.isWithinRecord != true { handOver(dropped: player?.publishMark() ?? 0) }
    }

    /// The event is played: its records count, or it was only on the way to the first that do.
    private func advance() {
        if isRecording {
            handOver(dropped: player?.publishRecords() ?? 0)
        } else if let sequence = player?.sequence, sequence >= place.sequence {
            startRecording()
        } else {
            return
        }
        (place, run) = (reached, player?.run)
    }

    /// How far the player is.
    private var reached: RecordDetour.Place {
        RecordDetour.Place(sequence: player?.sequence ?? 0, takenSlots: player?.takenSlots ?? 0)
    }

    private func startRecording() {
        droppedSlots = 0
        player?.attachRecords(records.played)
        isRecording = true
    }

    /// Learns how far the journal is by now; false where that is no further.
    private func extend() throws(ReplayError) -> Bool {
        let reached = end?.sequence ?? known
        guard reached > limit else { return false }
        limit = reached
        try player?.extend(to: limit, folder())
        return place.sequence < limit
    }

    private func folder() throws(ReplayError) -> JournalFolder {
        do throws(JournalError) { return try JournalFolder(path: path) } catch { throw .journal(error) }
    }

    /// Places a player in the segment that holds the entry behind which the records are missing.
    private func open() throws(ReplayError) {
        let folder = try folder()
        // Of a first run that had stored nothing the place is in front of the first entry, which is 1.
        let before = max(1, place.sequence)
        guard let segment = try segments(in: folder).last(where: { $0.firstSequence <= before }) else {
            throw .journal(.incomplete(chain: JournalChain(.engine), reason: "entry \(place.sequence) was recycled"))
        }
        try open(segment.segment, in: folder)
    }

    private func open(_ segment: UInt64, in folder: JournalFolder) throws(ReplayError) {
        limit = end?.sequence ?? known
        var player = JournalPlayer(folder: folder, from: segment)
        player.mostLeftoverSlots = Self.mostLeftoverSlots
        try player.extend(to: limit, folder)
        self.player = consume player
        isRecording = false
    }

    /// The engine's segments that can be begun with, oldest first.
    private func segments(in folder: JournalFolder) throws(ReplayError) -> [SegmentIdentity] {
        var found: [SegmentIdentity] = []
        for file in folder.chains[JournalChain(.engine)] ?? [] {
            do throws(JournalError) {
                guard let segment = try file.reader(), segment.entry(at: 0)?.kind == EngineEntryKind.checkpoint else {
                    continue
                }
                found.append(segment.identity)
            } catch { throw .journal(error) }
        }
        return found
    }

    /// What follows can't be played: goes on with the next checkpoint from which it can, or, where there is none, with the
    /// engine's ring once it comes back there.
    private func pass() {
        player?.abortRecords()
        takeLeftovers()
        player = nil
        isRecording = false
        let last = end?.sequence ?? known
        do throws(ReplayError) {
            let folder = try folder()
            for segment in try segments(in: folder)
            where segment.firstSequence > place.sequence && segment.firstSequence <= last {
                do throws(ReplayError) {
                    try open(segment.segment, in: folder)
                    guard try player?.step({ _ in }) == true, player?.isStillThere == true else { continue }
                    pass(to: reached, run: player?.run)
                    return startRecording()
                } catch { continue }  // the next one may have what this one lacks
            }
        } catch {
            report("the journal can't be read for the store", error)
        }
        player = nil
        guard let end else { return detour.askBack(from: left) }
        pass(to: end, run: currentRun)
    }

    /// What an earlier run had received and not taken is on disk, though the beginning of this run, which has taken it over, may
    /// be in memory alone. Behind the last entry that is there of earlier runs, once: until the engine is back, that place is come
    /// to again and again.
    private func takeLeftovers() {
        guard isRecording, let run = player?.run, run != currentRun, reached.sequence == place.sequence,
            leftoversTakenBehind != place.sequence
        else { return }
        do throws(ReplayError) {
            guard
                try !segments(in: folder()).contains(where: {
                    $0.run != currentRun && $0.firstSequence > place.sequence
                })
            else { return }
            while try player?.takeLeftovers({ _ in }) == true { handOver(dropped: player?.publishRecords() ?? 0) }
            handOver(dropped: player?.publishRecords() ?? 0)
            leftoversTakenBehind = place.sequence
        } catch {
            player?.abortRecords()
            report("what the last run had received can't be read for the store", error)
        }
    }

    private func pass(to next: RecordDetour.Place, run nextRun: UInt64?) {
        // Slots are counted anew in each run; what an earlier one had taken behind the place is not known.
        let slots = next.takenSlots - (run == nextRun ? min(place.takenSlots, next.takenSlots) : 0)
        lost.addFromOnlyWriter(slots)
        logger.error(
            "the store lacks records that the journal has recycled or never had on disk",
            metadata: [
                // Not whole, it lacks those of earlier runs.
                "slots": "\(slots)", "isWholeCount": "\(run == nextRun)",
                "entries": "\(place.sequence + 1)-\(next.sequence)",
            ])
        (place, run) = (next, nextRun)
    }

    /// Says once for each place what is wrong behind it: it is tried again every few milliseconds until the engine is back.
    private func report(_ message: Logger.Message, _ error: ReplayError) {
        if reportedPlace != place { (reportedPlace, reported) = (place, []) }
        guard reported.insert("\(message): \(error)").inserted else { return }
        logger.error(message, metadata: ["error": "\(error)"])
    }

    /// Hands over what the player has published. Records of one event that found no room are `total` of this player.
    private func handOver(dropped total: Int) {
        if let run = player?.run, let description = player?.description { records.take(of: run, description) }
        if total > droppedSlots { lost.addFromOnlyWriter(UInt64(total - droppedSlots)) }
        droppedSlots = total
    }
}
