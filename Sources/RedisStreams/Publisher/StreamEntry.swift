/// One entry of the signal stream as read back.
struct StreamEntry {
    /// Redis' id, `milliseconds-sequence`.
    let entryID: String
    /// Field names and values.
    let fields: [String: String]

    /// Reads an element of an `XRANGE` reply; nil where it is none.
    init?(_ reply: RedisReply) {
        guard let parts = reply.elements, parts.count == 2, let id = parts[0].text,
            let pairs = parts[1].elements
        else { return nil }
        self.init(entryID: id, pairs: pairs.map { $0.text ?? "" })
    }

    /// Takes names and values in turn; of a repeated name the first counts.
    init(entryID: String, pairs: [String]) {
        self.entryID = entryID
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: pairs.count - 1, by: 2) where fields[pairs[index]] == nil {
            fields[pairs[index]] = pairs[index + 1]
        }
        self.fields = fields
    }

    /// The entry of a command in the outbox: the last words are its fields.
    init(command words: [String]) {
        self.init(entryID: "", pairs: Array(words.suffix(2 * SignalCommandFormat.fieldCount)))
    }

    /// The signal's id; nil in foreign entries.
    var identifier: String? { fields["id"] }

    /// The pair (`exchange:symbol:strategy:`) and the tick of an id; nil for what is none of ours.
    static func tick(of identifier: String) -> (pair: String, tick: UInt64)? {
        let base = identifier.hasSuffix(":gap") ? identifier.dropLast(4) : identifier[...]
        guard let colon = base.lastIndex(of: ":"), let tick = UInt64(base[base.index(after: colon)...]) else {
            return nil
        }
        return (String(base[...colon]), tick)
    }

    /// What must agree for two entries of one id to be the same: signal, price, averages and reason.
    var content: [String] {
        ["signal", "price", "shortSMA", "longSMA", "reason"].map { fields[$0] ?? "" }
    }
}

/// What the stream holds under a signal's id.
struct HeldSignal {
    /// The entry.
    let entry: StreamEntryID
    /// Its `StreamEntry.content`.
    let content: [String]
}

/// A Redis entry id, `milliseconds-sequence`, in the stream's order.
struct StreamEntryID: Comparable, CustomStringConvertible {
    /// Before every entry: no entry has it.
    static let zero = StreamEntryID(millis: 0, sequence: 0)

    let millis: UInt64
    let sequence: UInt64

    init(millis: UInt64, sequence: UInt64) {
        self.millis = millis
        self.sequence = sequence
    }

    /// Reads `milliseconds-sequence`; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let millis = UInt64(parts[0]), let sequence = UInt64(parts[1]) else { return nil }
        self.init(millis: millis, sequence: sequence)
    }

    /// The next id there can be.
    var successor: StreamEntryID {
        sequence == .max
            ? StreamEntryID(millis: millis + 1, sequence: 0) : StreamEntryID(millis: millis, sequence: sequence + 1)
    }

    var description: String { "\(millis)-\(sequence)" }

    static func < (left: StreamEntryID, right: StreamEntryID) -> Bool {
        (left.millis, left.sequence) < (right.millis, right.sequence)
    }
}
