/// The id of a stream's entry, `milliseconds-sequence`, in the stream's order.
public struct RedisEntryID: Comparable, Hashable, Sendable, CustomStringConvertible {
    static let zero = RedisEntryID(millis: 0, sequence: 0)
    static let last = RedisEntryID(millis: .max, sequence: .max)

    /// Milliseconds of the server's clock when it was added, or of the entry before it where the clock was behind that.
    public let millis: UInt64
    /// Counts the entries of one millisecond from 0.
    public let sequence: UInt64

    /// An id of its two parts.
    public init(millis: UInt64, sequence: UInt64) {
        (self.millis, self.sequence) = (millis, sequence)
    }

    init?(_ text: Substring) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let millis = UInt64(parts[0]), let sequence = UInt64(parts[1]) else { return nil }
        self.init(millis: millis, sequence: sequence)
    }

    /// As it stands in replies.
    public var description: String { "\(millis)-\(sequence)" }

    /// Time first.
    public static func < (left: RedisEntryID, right: RedisEntryID) -> Bool {
        (left.millis, left.sequence) < (right.millis, right.sequence)
    }
}

/// One entry of a stream.
public struct RedisEntry: Equatable, Sendable {
    /// Unique in its stream.
    public let id: RedisEntryID
    /// Names and values in turn.
    public let fields: [String]

    var reply: RESPReply { .array([.bulk(id.description), .array(fields.map { .bulk($0) })]) }
}

/// What a server holds. A copy is what a replica that stops receiving, or an older backup, would hold.
public struct RedisData: Sendable {
    struct Key: Hashable {
        let database: Int
        let name: String
    }

    var streams: [Key: RedisStream] = [:]
    var hashes: [Key: RedisHash] = [:]

    /// An empty server's.
    public init() {}
}

/// A stream and what Redis remembers about entries that are gone.
struct RedisStream: Sendable {
    private(set) var entries: [RedisEntry] = []
    private(set) var newest = RedisEntryID.zero
    private(set) var newestDeleted = RedisEntryID.zero
    private(set) var added = 0

    /// Adds an entry under the id `*` stands for: never at or before one that was there, wherever the clock is.
    mutating func add(_ fields: [String], atMillis millis: UInt64) -> RedisEntryID {
        newest =
            millis > newest.millis
            ? RedisEntryID(millis: millis, sequence: 0)
            : RedisEntryID(millis: newest.millis, sequence: newest.sequence + 1)
        entries.append(RedisEntry(id: newest, fields: fields))
        added += 1
        return newest
    }

    /// The place of the first entry at or after `id`, by bisection.
    private func index(of id: RedisEntryID) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The entry with exactly this id.
    func entry(_ id: RedisEntryID) -> RedisEntry? {
        let index = index(of: id)
        return index < entries.count && entries[index].id == id ? entries[index] : nil
    }

    /// The entries between two bounds.
    func entries(from first: Bound, to last: Bound) -> ArraySlice<RedisEntry> {
        let start = index(of: first.id) + (first.isExclusive && entry(first.id) != nil ? 1 : 0)
        let end = index(of: last.id) + (!last.isExclusive && entry(last.id) != nil ? 1 : 0)
        return start < end ? entries[start..<end] : []
    }

    /// Removes all entries before `id`; returns their number.
    mutating func trim(before id: RedisEntryID) -> Int { trim(to: entries.count - index(of: id)) }

    /// Removes the oldest entries above `count`; returns their number.
    mutating func trim(to count: Int) -> Int {
        let excess = max(0, entries.count - count)
        entries.removeFirst(excess)
        return excess
    }

    /// Removes one entry; false where there is none.
    mutating func delete(_ id: RedisEntryID) -> Bool {
        guard entry(id) != nil else { return false }
        entries.remove(at: index(of: id))
        newestDeleted = max(newestDeleted, id)
        return true
    }

    /// An end of a range: `-`, `+`, an id, or `(` and an id that is not in the range.
    struct Bound {
        let id: RedisEntryID
        let isExclusive: Bool

        init?(_ text: String) {
            isExclusive = text.hasPrefix("(")
            switch text {
            case "-": id = .zero
            case "+": id = .last
            default:
                guard let id = RedisEntryID(text.dropFirst(isExclusive ? 1 : 0)) else { return nil }
                self.id = id
            }
        }
    }
}

/// A hash whose fields keep the order they came in, and their places as others go, so that a scan misses none.
struct RedisHash: Sendable {
    /// Redis keeps up to so many fields in a list, which `HSCAN` gives as a whole (`hash-max-listpack-entries`).
    static let mostListed = 512

    private var slots: [(field: String, value: String)?] = []
    private var indices: [String: Int] = [:]

    var isEmpty: Bool { indices.isEmpty }

    subscript(_ field: String) -> String? { indices[field].flatMap { slots[$0]?.value } }

    mutating func set(_ field: String, _ value: String) {
        if let index = indices[field] {
            slots[index] = (field, value)
        } else {
            indices[field] = slots.count
            slots.append((field, value))
        }
    }

    /// False where there is no such field.
    mutating func remove(_ field: String) -> Bool {
        guard let index = indices.removeValue(forKey: field) else { return false }
        slots[index] = nil
        return true
    }

    /// Fields and values in turn from a place on, and the place to go on from, 0 at the end.
    func scan(from cursor: Int, count: Int) -> (next: Int, pairs: [String]) {
        var pairs: [String] = []
        let most = indices.count <= Self.mostListed ? indices.count : count
        var index = cursor
        while index < slots.count {
            if let slot = slots[index] {
                guard pairs.count < 2 * most else { break }
                pairs += [slot.field, slot.value]
            }
            index += 1
        }
        return (index < slots.count ? index : 0, pairs)
    }
}
