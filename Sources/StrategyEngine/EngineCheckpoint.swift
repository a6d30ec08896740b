public import Journal

/// The engine's whole state at the beginning of a segment, read back: what recovery and replay start from.
public struct EngineCheckpoint: Sendable {
    /// What the run's owner put in front.
    public let preface: [UInt8]
    /// Signals decided before, over runs.
    public let signalCount: UInt64
    /// Slots taken by ring in the checkpoint's run before.
    public let slotsTaken: [UInt64]
    /// The core's part: equal bytes, equal state.
    public let state: [UInt8]

    init(preface: [UInt8], signalCount: UInt64, slotsTaken: [UInt64], state: [UInt8]) {
        self.preface = preface
        self.signalCount = signalCount
        self.slotsTaken = slotsTaken
        self.state = state
    }

    /// Reads the checkpoint that `entry` places; nil where it is none or not whole.
    public init?(_ entry: JournalEntry, in segment: SegmentReader) {
        guard entry.kind == EngineEntryKind.checkpoint else { return nil }
        self.init(bytes: Array(segment.bytes(of: entry)))
    }

    init?(bytes: [UInt8]) {
        var reader = CheckpointReader(bytes)
        guard let prefaceBytes = reader.read(UInt32.self), let preface = reader.read(bytes: Int(prefaceBytes)),
            let signalCount = reader.read(UInt64.self), let rings = reader.read(UInt32.self),
            let taken = reader.read(plain: UInt64.self, count: Int(rings)), let stateBytes = reader.read(UInt64.self),
            let state = reader.read(bytes: Int(stateBytes)), reader.isAtEnd
        else { return nil }
        self.init(preface: preface, signalCount: signalCount, slotsTaken: taken, state: state)
    }
}
