internal import TradingModel

extension Hole: CheckpointValue {
    /// Bytes of one at most.
    static let mostCheckpointBytes = 96

    func write(to checkpoint: inout CheckpointWriter) {
        checkpoint.write(firstID)
        checkpoint.write(lastID)
        checkpoint.write(missingCount)
        checkpoint.write(ordinal)
        checkpoint.write(noticedNanos)
        checkpoint.write(askAtNanos)
        checkpoint.write(beforeTimeNanos)
        checkpoint.write(afterTimeNanos)
        checkpoint.write(receiveOffsetNanos)
        checkpoint.write(feed)
        checkpoint.write(cause.rawValue)
        checkpoint.write(isRefillable)
        checkpoint.write(isGivenUp)
    }

    init?(from checkpoint: inout CheckpointReader) {
        guard let firstID = checkpoint.read(UInt64.self), let lastID = checkpoint.read(UInt64.self),
            let missing = checkpoint.read(UInt64.self), let ordinal = checkpoint.read(UInt64.self),
            let noticed = checkpoint.read(UInt64.self), let askAt = checkpoint.read(UInt64.self),
            let before = checkpoint.read(Int64.self), let after = checkpoint.read(Int64.self),
            let offset = checkpoint.read(Int64.self), let feed = checkpoint.read(UInt16.self),
            let cause = checkpoint.read(UInt8.self).flatMap({ GapCause(rawValue: $0) }),
            let isRefillable = checkpoint.readBool(), let isGivenUp = checkpoint.readBool()
        else { return nil }
        self.init(
            firstID: firstID, lastID: lastID, missingCount: missing, ordinal: ordinal, noticedNanos: noticed,
            askAtNanos: askAt, beforeTimeNanos: before, afterTimeNanos: after, receiveOffsetNanos: offset, feed: feed,
            cause: cause, isRefillable: isRefillable, isGivenUp: isGivenUp)
    }
}

extension HeldStream: CheckpointValue {
    /// Bytes of one at most.
    static let mostCheckpointBytes = 64

    func write(to checkpoint: inout CheckpointWriter) {
        checkpoint.write(isOnHold)
        checkpoint.write(isDue)
        checkpoint.write(nextID)
        checkpoint.write(lastTimeNanos)
        checkpoint.write(holeCount)
        checkpoint.write(heldCount)
        checkpoint.write(refilled?.source.rawValue ?? 0)
        checkpoint.write(refilled?.firstID ?? 0)
        checkpoint.write(refilled?.beforeTimeNanos ?? 0)
    }

    init?(from checkpoint: inout CheckpointReader) {
        guard let isOnHold = checkpoint.readBool(), let isDue = checkpoint.readBool(),
            let nextID = checkpoint.read(UInt64.self), let time = checkpoint.read(Int64.self),
            let holes = checkpoint.read(Int.self), (0...HeldStreams.mostHoles).contains(holes),
            let held = checkpoint.read(Int.self), let source = checkpoint.read(UInt8.self),
            let firstID = checkpoint.read(UInt64.self), let before = checkpoint.read(Int64.self)
        else { return nil }
        self.init(
            isOnHold: isOnHold, isDue: isDue, nextID: nextID, lastTimeNanos: time, holeCount: holes, heldCount: held,
            refilled: RefillSource(rawValue: source).map { (firstID, $0, before) })
    }
}

extension HeldStreams {
    /// What is held, read back.
    struct Saved {
        let requestCount: UInt64
        let streams: [HeldStream]
        /// By instrument.
        let holes: [[Hole]]
        let ticks: [Tick]

        init?(instrumentCount: Int, from checkpoint: inout CheckpointReader) {
            guard let requests = checkpoint.read(UInt64.self),
                let streams = checkpoint.read(HeldStream.self, count: instrumentCount)
            else { return nil }
            requestCount = requests
            self.streams = streams
            var holes: [[Hole]] = []
            for stream in streams {
                guard let some = checkpoint.read(Hole.self, count: stream.holeCount) else { return nil }
                holes.append(some)
            }
            self.holes = holes
            guard let count = checkpoint.read(UInt32.self), count < HoldBuffer.capacitySlots,
                let ticks = checkpoint.read(plain: Tick.self, count: Int(count))
            else { return nil }
            self.ticks = ticks
        }
    }

    /// Bytes that all of it takes at most.
    static func mostCheckpointBytes(instrumentCount: Int) -> Int {
        let perInstrument = HeldStream.mostCheckpointBytes + mostHoles * Hole.mostCheckpointBytes
        return 64 + instrumentCount * perInstrument + HoldBuffer.capacitySlots * 64
    }

    /// Writes what is held: streams, holes, ticks by rising instrument and id.
    func write(to checkpoint: inout CheckpointWriter) {
        checkpoint.write(requestCount)
        for instrument in 0..<instrumentCount {
            // What a stream remembers of its last hold means nothing, and a restored one has forgotten it.
            let stream = streams[instrument].isOnHold ? streams[instrument] : HeldStream()
            stream.write(to: &checkpoint)
        }
        for instrument in 0..<instrumentCount {
            for index in 0..<streams[instrument].holeCount {
                hole(index, of: instrument).pointee.write(to: &checkpoint)
            }
        }
        checkpoint.write(UInt32(buffer.count))
        buffer.write(to: &checkpoint)
    }

    /// Takes over what an instrument held; nothing where it holds nothing now.
    mutating func restore(_ saved: Saved, of old: Int, as new: Int) {
        // A run that holds nothing has no room for what waited: its ids are a gap then.
        guard isUsed, saved.streams[old].isOnHold else { return }
        streams[new] = saved.streams[old]
        onHoldCount += 1
        if saved.streams[old].isDue { dueCount += 1 }
        for (index, hole) in saved.holes[old].enumerated() { self.hole(index, of: new).initialize(to: hole) }
        for tick in saved.ticks where tick.instrument == UInt32(old) {
            var tick = tick
            tick.instrument = UInt32(new)
            buffer.insert(tick)
        }
    }
}
