/// Finds the members of a JSON object without decoding them: enough to tell which stream a message belongs to.
///
/// It checks structure (brackets, strings, separators), not the grammar of numbers. O(length), no allocation.
package enum MessageScanner {
    /// Nesting that is followed; real messages have at most 4 levels.
    package static let maximumDepth = 32

    /// Calls `member` with the ranges of each key (without quotes) and value of the object that fills `range`.
    ///
    /// Returns false where `range` holds anything but one object and white space.
    package static func scanObject(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ member: (_ key: Range<Int>, _ value: Range<Int>) -> Void
    ) -> Bool {
        let end = range.upperBound
        var position = skipSpace(bytes, range.lowerBound, end)
        guard position < end, bytes[position] == UInt8(ascii: "{") else { return false }
        position = skipSpace(bytes, position + 1, end)
        if position < end, bytes[position] == UInt8(ascii: "}") { return skipSpace(bytes, position + 1, end) == end }
        while true {
            guard let keyEnd = skipString(bytes, position, end) else { return false }
            let key = (position + 1)..<(keyEnd - 1)
            position = skipSpace(bytes, keyEnd, end)
            guard position < end, bytes[position] == UInt8(ascii: ":") else { return false }
            position = skipSpace(bytes, position + 1, end)
            guard let valueEnd = skipValue(bytes, position, end) else { return false }
            member(key, position..<valueEnd)
            position = skipSpace(bytes, valueEnd, end)
            guard position < end else { return false }
            switch bytes[position] {
            case UInt8(ascii: ","): position = skipSpace(bytes, position + 1, end)
            case UInt8(ascii: "}"): return skipSpace(bytes, position + 1, end) == end
            default: return false
            }
        }
    }

    /// The unsigned integer that fills `range`; nil for anything else.
    package static func integer(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        guard !range.isEmpty else { return nil }
        var value: UInt64 = 0
        for index in range {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(UInt64(digit))
            if overflowed || carried { return nil }
            value = sum
        }
        return value
    }

    /// The text of the string value in `range`, quotes included there; nil for other values. Escapes stay as they are.
    package static func string(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String? {
        guard range.count >= 2, bytes[range.lowerBound] == UInt8(ascii: "\"") else { return nil }
        return unsafe bytes.withUnsafeBytes {
            unsafe String(decoding: $0[range.lowerBound + 1..<range.upperBound - 1], as: UTF8.self)
        }
    }

    private static func skipSpace(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
        var position = start
        while position < end, bytes[position] == 0x20 || (0x09...0x0D).contains(bytes[position]) { position += 1 }
        return position
    }

    /// The position after the string that begins at `start`.
    private static func skipString(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        guard start < end, bytes[start] == UInt8(ascii: "\"") else { return nil }
        var position = start + 1
        while position < end {
            switch bytes[position] {
            case UInt8(ascii: "\""): return position + 1
            case UInt8(ascii: "\\"): position += 2
            default: position += 1
            }
        }
        return nil
    }

    private static func skipValue(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        guard start < end else { return nil }
        switch bytes[start] {
        case UInt8(ascii: "\""): return skipString(bytes, start, end)
        case UInt8(ascii: "{"), UInt8(ascii: "["): return skipNested(bytes, start, end)
        default:
            var position = start
            while position < end, isScalarByte(bytes[position]) { position += 1 }
            return position > start ? position : nil
        }
    }

    /// Numbers, `true`, `false` and `null` consist of these.
    private static func isScalarByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "E"),
            UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// Bit n of `objects` says whether the bracket open at depth n is an object's.
    private static func skipNested(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        var depth = 0
        var objects: UInt32 = 0
        var position = start
        while position < end {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                guard let next = skipString(bytes, position, end) else { return nil }
                position = next
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard depth < maximumDepth else { return nil }
                objects = byte == UInt8(ascii: "{") ? objects | 1 << depth : objects & ~(1 << depth)
                depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                guard (objects >> depth & 1 == 1) == (byte == UInt8(ascii: "}")) else { return nil }
                if depth == 0 { return position + 1 }
            default: break
            }
            position += 1
        }
        return nil
    }
}
