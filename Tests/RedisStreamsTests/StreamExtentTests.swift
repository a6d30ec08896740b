import Testing

@testable import RedisStreams

/// What a server's `XINFO STREAM` says of entries that are not there.
@Suite struct StreamExtentTests {
    /// Entries 3-0 to 9-0, of which a server of version 7 says how many it has had and which was deleted last.
    private func extent(added: Int64?, deleted: String?) throws -> StreamExtent {
        var parts: [RedisReply] = [
            .text("length"), .integer(7), .text("last-generated-id"), .text("9-0"), .text("first-entry"),
            .array([.text("3-0"), .array([])]),
        ]
        if let added { parts += [.text("entries-added"), .integer(added)] }
        if let deleted { parts += [.text("max-deleted-entry-id"), .text(deleted)] }
        return try #require(StreamExtent(.array(parts)))
    }

    private let absent = [1, 2, 5].map { StreamEntryID(millis: $0, sequence: 0) }

    @Test func `before Redis 7 all in front of the first entry may have been trimmed`() throws {
        let extent = try extent(added: nil, deleted: nil)
        #expect(extent.removed == nil && extent.trimmed(absent + [nil]) == [true, true, false, false])
        #expect(absent.map(extent.hasHeld) == [true, true, true])
    }

    @Test func `as many as the server has removed were there, the newest of those in front`() throws {
        #expect(try extent(added: 9, deleted: "0-0").trimmed(absent) == [true, true, false])
        #expect(try extent(added: 8, deleted: "0-0").trimmed(absent) == [false, true, false])
        #expect(try extent(added: 7, deleted: "0-0").trimmed(absent) == [false, false, false])
        #expect(try extent(added: 9, deleted: "1-0").trimmed(absent) == [false, true, false])
        #expect(try extent(added: 10, deleted: "5-0").trimmed(absent) == [false, false, false])
    }

    @Test func `a stream that has had no more than it has never held what is not there`() throws {
        #expect(absent.map(try extent(added: 7, deleted: "0-0").hasHeld) == [false, false, false])
        #expect(absent.map(try extent(added: 8, deleted: "0-0").hasHeld) == [true, true, false])
        #expect(absent.map(try extent(added: 8, deleted: "5-0").hasHeld) == [true, true, true])
    }
}
