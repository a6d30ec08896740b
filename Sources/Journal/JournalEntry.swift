internal import CJournal

/// One 64-byte entry of a segment's table: something that happened, in the order in which it did.
///
/// What the words mean depends on the chain and the kind; the writing modules define it. A kind from 128 on places bytes of
/// the segment's data region: word 0 and the lower half of word 1 are then taken by offset, length and checksum.
public struct JournalEntry: Sendable, Equatable, BitwiseCopyable {
    private var checksum: UInt32 = 0
    /// What happened, a number of the chain's own, never 0.
    public var kind: UInt8
    /// A detail of that.
    public var detail: UInt8
    /// Whom it concerns, such as a feed's index.
    public var source: UInt16
    /// The chain's number of the entry, from 1, over runs; set by `append`.
    public internal(set) var sequence: UInt64 = 0
    /// Word 0.
    public var word0: UInt64 = 0
    /// Word 1.
    public var word1: UInt64 = 0
    /// Word 2.
    public var word2: UInt64 = 0
    /// Word 3.
    public var word3: UInt64 = 0
    /// Word 4.
    public var word4: UInt64 = 0
    /// Word 5.
    public var word5: UInt64 = 0

    /// An entry whose words are still to be set.
    @inlinable @inline(__always)
    public init(kind: UInt8, detail: UInt8 = 0, source: UInt16 = 0) {
        self.init(head: kind, detail, source)
    }

    @usableFromInline
    init(head kind: UInt8, _ detail: UInt8, _ source: UInt16) {
        self.kind = kind
        self.detail = detail
        self.source = source
    }

    /// Whether entries of a kind place bytes.
    @inlinable @inline(__always)
    public static func placesData(kind: UInt8) -> Bool { kind >= 128 }

    /// Where the bytes lie that it places, counted from the segment's start.
    public var dataRange: Range<Int> {
        let offset = Int(word0 & 0xFFFF_FFFF)
        return offset..<offset + Int(word0 >> 32)
    }
}

extension journal_entry {
    /// The same 64 bytes in Swift's type.
    var asEntry: JournalEntry { unsafe unsafeBitCast(self, to: JournalEntry.self) }
}
