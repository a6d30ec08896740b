internal import FeedHandler
public import MarketRecording
public import StrategyEngine
internal import Telemetry
public import TradingModel

/// Runs the engine on recorded files: the decoder of a live feed and the core of a live engine, one feed for each file, the
/// messages in the order of their arrival.
///
/// Deterministic: time is what the recordings say. Nobody has the trades that a recording lacks, so where missing trades are
/// waited for, only other files and later messages can bring them. Used by one thread.
public struct RecordingPlayer: ~Copyable {
    private let names: [Set<String>]
    private var merged: MergedRecordings
    private var decoders: [MessageDecoding]
    private var core: DecisionCore
    private let metrics = MetricsRegistry()
    private var slots: [Tick] = []
    private var isBegun = false
    /// Messages taken so far.
    public private(set) var messageCount = 0
    /// Of these, those that the decoder refused, as a feed does.
    public private(set) var refusedCount = 0

    /// Opens the files again.
    ///
    /// - Parameters:
    ///   - catalog: the instruments of `FeedStreams.specifications(of: content.feeds)`, and the strategies.
    ///   - priceBandPercent, refill: as in `DecisionCore`.
    /// - Throws: `RecordingError`.
    public init(
        _ content: RecordingContent, catalog: MarketCatalog, priceBandPercent: Int?, refill: RefillConfiguration?
    ) throws(RecordingError) {
        precondition(content.feeds.count <= DecisionCore.mostFeeds, "more files than an engine has feeds")
        names = content.streamNames
        merged = try MergedRecordings(paths: content.files.map(\.path))
        decoders = content.feeds.enumerated().map { MessageDecoding($1, index: UInt16($0), catalog: catalog) }
        core = DecisionCore(
            catalog: catalog, records: nil, recordCapacitySlots: 0, priceBandPercent: priceBandPercent, refill: refill,
            metrics: metrics)
        // What is missing is asked for and not answered, so that a late message can still bring it.
        core.play(asks: [])
    }

    /// Goes to the next message and returns when it arrived, Unix nanoseconds; nil at the end. `play` takes it.
    ///
    /// - Throws: `RecordingError`.
    public mutating func next() throws(RecordingError) -> Int64? {
        while try merged.next() {
            let message = merged.reader.message
            if names[merged.file].contains(message.stream.name) { return message.arrivalNanos }
        }
        return nil
    }

    /// Takes the message that `next` went to, and what it makes due; `signal` is called for each signal, in order.
    public mutating func play(_ signal: (Decision) -> Void) {
        let (reader, decoder) = (merged.reader, decoders[merged.file])
        let now = MonotonicNanos(rawValue: UInt64(clamping: reader.message.arrivalNanos))
        if !isBegun { begin(at: now) }
        if let deadline = core.timerDeadline, now >= deadline {
            core.advance(to: now)
            core.releaseDue(signal)
        }
        slots.removeAll(keepingCapacity: true)
        let isTaken = reader.withBytes {
            decoder.messages.append($0, reader.message.text, received: now, to: &slots)
        }
        if !isTaken { refusedCount += 1 }
        messageCount += 1
        for slot in slots { core.play(slot, signal) }
    }

    /// Nothing more comes: what still waits for missing trades goes on without them.
    public mutating func end(_ signal: (Decision) -> Void) {
        core.advance(to: MonotonicNanos(rawValue: .max))
        core.releaseDue(signal)
    }

    /// Ticks that the engine took.
    public var tickCount: Int { Int(metrics.total("tickline_ticks_total")) }

    /// Runs of ids that the recordings lack, and how many ids that are.
    public var gaps: (count: Int, missing: Int) {
        (Int(metrics.total("tickline_gaps_total")), Int(metrics.total("tickline_ticks_missing_total")))
    }

    /// Each file is a connection of its own. Recorded times are by the wall clock already.
    private mutating func begin(at now: MonotonicNanos) {
        isBegun = true
        for feed in decoders.indices {
            let record = SessionRecord(
                event: .opened, feed: UInt16(feed), connection: 1, wallOffsetNanos: 0, monotonic: now)
            _ = core.process(record.slot)
        }
    }
}

/// A feed's decoder where an array can hold it.
private final class MessageDecoding {
    var messages: MessageReplay

    init(_ feed: FeedStreams, index: UInt16, catalog: MarketCatalog) {
        messages = MessageReplay(catalog: catalog, exchange: feed.exchange, streams: feed.streams, feed: index)
    }
}
