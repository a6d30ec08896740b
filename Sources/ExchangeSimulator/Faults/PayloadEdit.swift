internal import MarketRecording

/// Changes single members of a payload and leaves every other byte as it is. O(payload).
enum PayloadEdit {
    /// Keys of the ids that streams count by: trade, aggregate trade, update ids. In a quote `a` is a price, hence text.
    static let identifiers: [Character] = ["t", "a", "U", "u"]
    /// Keys of prices: of trades, and best bid and ask.
    static let prices: [Character] = ["p", "b", "a"]

    /// Changes the first member of one of these keys for which `change` gives a new value; nil where there is none.
    static func changing(
        _ payload: [UInt8], firstOf keys: [Character], _ change: (ArraySlice<UInt8>) -> [UInt8]?
    ) -> [UInt8]? {
        for key in keys {
            var edit: (range: Range<Int>, value: [UInt8])?
            visit(payload, [key]) { range in
                if edit == nil, let value = change(payload[range]) { edit = (range, value) }
            }
            guard let (range, value) = edit else { continue }
            var result = payload
            result.replaceSubrange(range, with: value)
            return result
        }
        return nil
    }

    /// Multiplies each price; nil where there is none or one would not fit 64 bits.
    static func scalingPrices(_ payload: [UInt8], by factor: Int) -> [UInt8]? {
        var edits: [(range: Range<Int>, value: [UInt8])] = []
        visit(payload, prices) { range in
            guard let value = scaled(payload[range], by: factor) else { return }
            edits.append((range, value))
        }
        guard !edits.isEmpty else { return nil }
        var result = payload
        for (range, value) in edits.reversed() { result.replaceSubrange(range, with: value) }
        return result
    }

    /// Makes the millisecond times of an event microseconds; other payloads are returned as they are.
    static func microseconds(_ payload: [UInt8]) -> [UInt8] {
        var ends: [Int] = []
        func note(_ value: Range<Int>) {
            // 13 digits are milliseconds from 2001 to 2286; more are microseconds already.
            if value.count == 13 { ends.append(value.upperBound) }
        }
        visit(payload, ["E", "T"], note)
        visit(payload, ["k"]) { kline in
            let bytes = payload.span
            _ = MessageScanner.scanObject(bytes, kline) { key, value in
                if key.count == 1, [UInt8(ascii: "t"), UInt8(ascii: "T")].contains(bytes[key.lowerBound]) {
                    note(value)
                }
            }
        }
        var result = payload
        for end in ends.sorted().reversed() { result.insert(contentsOf: Array("000".utf8), at: end) }
        return result
    }

    /// `"61838.65"` times a factor, with as many decimals; nil for anything but such text.
    private static func scaled(_ text: ArraySlice<UInt8>, by factor: Int) -> [UInt8]? {
        guard text.count > 2, text.first == UInt8(ascii: "\""), text.last == UInt8(ascii: "\"") else { return nil }
        let parts = text.dropFirst().dropLast().split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 2, let number = Int(String(decoding: parts.joined(), as: UTF8.self)), number > 0 else {
            return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        let decimals = parts.count == 2 ? parts[1].count : 0
        var digits = String(product)
        if decimals > 0 {
            digits = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
            digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -decimals))
        }
        return Array("\"\(digits)\"".utf8)
    }

    /// Calls `found` with the range of each value whose key is one of `keys`, in the order they stand.
    private static func visit(_ payload: [UInt8], _ keys: [Character], _ found: (Range<Int>) -> Void) {
        let bytes = payload.span
        let wanted = keys.compactMap(\.asciiValue)
        _ = MessageScanner.scanObject(bytes, 0..<bytes.count) { key, value in
            if key.count == 1, wanted.contains(bytes[key.lowerBound]) { found(value) }
        }
    }
}
