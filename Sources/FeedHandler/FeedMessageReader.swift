internal import CFeedDecoder
public import Journal
public import TradingModel

/// A text message as a feed received it.
public struct FeedMessage: Sendable, Equatable {
    /// When the read returned that brought its last byte.
    public var receiveTime: UnixNanos
    /// Index of the feed.
    public var feed: UInt16
    /// Counts the feed's connections of a run from 1.
    public var connection: UInt64
    /// Its bytes, UTF-8; fragments are put together.
    public var bytes: [UInt8]
    /// Whether they are one whole JSON object.
    public var isJSONObject: Bool
}

/// Reads a feed's chain of the journal as the messages that its connections received, whatever became of them.
///
/// What came while a connection was being opened or closed was no message for the feed, and is none here. Where the oldest
/// segments are gone it begins with the first message after the first read that no fragment was under way before. Used by
/// one thread.
public final class FeedMessageReader {
    private let chain: JournalChain
    private var reader: ChainReader
    private var frames: FrameReplay
    private var isBegun = false
    /// The entry that brought the message found last.
    private var entry: JournalEntry?

    /// A reader of one feed's chain, with the feed's limit for a message.
    public init(
        _ chain: JournalChain, in folder: JournalFolder,
        mostMessageBytes: Int = FeedConfiguration.defaultMostMessageBytes
    ) {
        self.chain = chain
        reader = ChainReader(chain, in: folder, refusesHoles: true)
        frames = FrameReplay(mostMessageBytes: mostMessageBytes)
    }

    /// The next message; nil at the end. Allocates the message.
    ///
    /// - Throws: what `ChainReader.next` throws; `incomplete` where the segment was recycled while it was read.
    public func next() throws(JournalError) -> FeedMessage? {
        while true {
            if let entry, let message = unsafe frames.nextMessage() {
                return unsafe FeedMessage(
                    receiveTime: FeedReplay.receiveTime(of: entry) ?? UnixNanos(rawValue: 0), feed: entry.source,
                    connection: entry.kind == FeedEntryKind.read ? entry.word1 >> 32 : entry.word1,
                    bytes: Array(message), isJSONObject: Self.isJSONObject(message))
            }
            guard let next = try reader.next(), let segment = reader.segment else { return nil }
            if !isBegun {
                guard FeedReplay.start(at: next) != nil else { continue }
                isBegun = true
                frames.begin(at: next, in: segment)
            }
            frames.take(next, in: segment)
            entry = next
            // Its bytes are copied by now.
            guard segment.isStillThere else {
                throw .incomplete(chain: chain, reason: "\(segment.path) was recycled while it was read")
            }
        }
    }

    private static func isJSONObject(_ bytes: UnsafeRawBufferPointer) -> Bool {
        unsafe json_is_object(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    }
}
