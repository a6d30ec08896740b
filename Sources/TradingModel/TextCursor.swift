/// Appends text to caller-owned bytes without allocating.
///
/// What does not fit is dropped and `isOverflown` says so; nothing is written past the end. Used by one thread at a time.
/// All operations are O(length written).
public struct TextCursor: ~Copyable {
    private let start: UnsafeMutablePointer<UInt8>
    private let capacityBytes: Int
    /// Bytes written so far.
    public private(set) var count = 0
    /// Whether something was dropped for want of room.
    public private(set) var isOverflown = false

    /// Writes into `buffer`, which must outlive the cursor.
    public init(buffer: UnsafeMutableBufferPointer<UInt8>) {
        guard let base = buffer.baseAddress else { preconditionFailure("a text cursor needs memory") }
        start = base
        capacityBytes = buffer.count
    }

    /// Appends one byte.
    @inline(__always)
    public mutating func append(byte: UInt8) {
        guard count < capacityBytes else {
            isOverflown = true
            return
        }
        start[count] = byte
        count &+= 1
    }

    /// Appends raw bytes.
    public mutating func append(bytes: UnsafeBufferPointer<UInt8>) {
        guard let base = bytes.baseAddress, bytes.count <= capacityBytes - count else {
            isOverflown = isOverflown || !bytes.isEmpty
            return
        }
        (start + count).update(from: base, count: bytes.count)
        count &+= bytes.count
    }

    /// Appends a compile-time string.
    public mutating func append(_ text: StaticString) {
        append(bytes: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a run-time string; it may allocate where the string is not native UTF-8, so not on the hot path.
    public mutating func append(string: String) {
        for byte in string.utf8 { append(byte: byte) }
    }

    /// Appends an unsigned integer in decimal, padded with zeros to at least `digits`.
    public mutating func append(_ value: UInt64, digits: Int = 1) {
        // From the last digit on: dividing by a constant is a multiplication. 2⁶⁴ − 1 has 20 digits.
        var text = InlineArray<20, UInt8>(repeating: 0x30)
        var first = 20
        var rest = value
        repeat {
            first &-= 1
            let quotient = rest / 10
            text[first] = 0x30 &+ UInt8(truncatingIfNeeded: rest &- quotient &* 10)
            rest = quotient
        } while rest > 0
        if digits > 20 - first { for _ in (20 - first)..<digits { append(byte: 0x30) } }
        for index in first..<20 { append(byte: text[index]) }
    }

    /// Appends a signed integer in decimal.
    public mutating func append(_ value: Int64) {
        if value < 0 { append(byte: 0x2D) }
        append(value.magnitude)
    }

    /// Appends `value / 10^decimals` as a decimal without trailing zeros (`61826`, `0.5`, `-1.25`).
    public mutating func append(fixedPoint value: Int64, decimals: Int) {
        appendDecimal(negative: value < 0, magnitude: UInt128(value.magnitude), decimals: decimals)
    }

    /// Appends `value / 10^decimals` with exactly `digits` behind the dot, as an exchange wrote it; digits that would not be
    /// zero are never left out.
    public mutating func append(fixedPoint value: Int64, decimals: Int, digits: Int) {
        if value < 0 { append(byte: 0x2D) }
        let (whole, rest) = UInt128(value.magnitude).quotientAndRemainder(dividingBy: Self.powerOfTen(decimals))
        var fraction = rest
        var places = decimals
        while places > digits, fraction % 10 == 0 {
            fraction /= 10
            places -= 1
        }
        append(UInt64(whole))
        guard digits > 0 || places > 0 else { return }
        append(byte: 0x2E)
        if places > 0 { append(UInt64(fraction), digits: places) }
        if digits > places { for _ in places..<digits { append(byte: 0x30) } }
    }

    /// Appends the average `sum / (count · 10^decimals)`, rounded half to even at 10 places, zeros stripped.
    ///
    /// `|sum| · 10^10` stays below 2¹¹⁷ for windows of up to 2²⁰ 64-bit prices, so 128 bits hold every step.
    public mutating func append(averageOf sum: Int128, count: Int, decimals: Int) {
        let places = 10
        let magnitude = sum.magnitude
        var divisor = UInt128(count)
        var scaled = magnitude
        if decimals <= places {
            scaled *= Self.powerOfTen(places - decimals)
        } else {
            divisor *= Self.powerOfTen(decimals - places)
        }
        var (quotient, remainder) = scaled.quotientAndRemainder(dividingBy: divisor)
        let twice = remainder * 2
        if twice > divisor || (twice == divisor && quotient % 2 == 1) { quotient += 1 }
        appendDecimal(negative: sum < 0 && quotient != 0, magnitude: quotient, decimals: places)
    }

    /// Appends an RFC 3339 UTC time with 3, 6 or 9 fractional digits, as few as hold it exactly.
    ///
    /// Civil date from day count after Howard Hinnant's `civil_from_days`; valid for the whole `Int64` range.
    public mutating func append(rfc3339 time: UnixNanos) {
        let (seconds, nanos) = Self.floorDivide(time.rawValue, 1_000_000_000)
        let (days, secondOfDay) = Self.floorDivide(seconds, 86_400)
        let shifted = days + 719_468
        let (era, dayOfEra) = Self.floorDivide(shifted, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        append(UInt64(year), digits: 4)
        append(byte: 0x2D)
        append(UInt64(month), digits: 2)
        append(byte: 0x2D)
        append(UInt64(day), digits: 2)
        append(byte: 0x54)
        append(UInt64(secondOfDay / 3_600), digits: 2)
        append(byte: 0x3A)
        append(UInt64(secondOfDay / 60 % 60), digits: 2)
        append(byte: 0x3A)
        append(UInt64(secondOfDay % 60), digits: 2)
        append(byte: 0x2E)
        if nanos % 1_000_000 == 0 {
            append(UInt64(nanos / 1_000_000), digits: 3)
        } else if nanos % 1_000 == 0 {
            append(UInt64(nanos / 1_000), digits: 6)
        } else {
            append(UInt64(nanos), digits: 9)
        }
        append(byte: 0x5A)
    }

    /// Appends `±magnitude / 10^decimals` as a decimal without trailing zeros; at most 38 decimals.
    public mutating func appendDecimal(negative: Bool, magnitude: UInt128, decimals: Int) {
        var magnitude = magnitude
        var decimals = decimals
        while decimals > 0, magnitude % 10 == 0 {
            magnitude /= 10
            decimals -= 1
        }
        if negative { append(byte: 0x2D) }
        let (whole, fraction) = magnitude.quotientAndRemainder(dividingBy: Self.powerOfTen(decimals))
        appendWide(whole)
        guard decimals > 0 else { return }
        append(byte: 0x2E)
        appendWide(fraction, digits: decimals)
    }

    /// A whole part exceeds 64 bits only at scale 0 with sums, a fraction only beyond 19 digits; parts of 19 cover 128 bits.
    private mutating func appendWide(_ value: UInt128, digits: Int = 1) {
        let half = Self.powerOfTen(19)
        guard value >= half || digits > 19 else { return append(UInt64(value), digits: digits) }
        let (high, low) = value.quotientAndRemainder(dividingBy: half)
        appendWide(high, digits: max(1, digits - 19))
        append(UInt64(low), digits: 19)
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    private static func powerOfTen(_ exponent: Int) -> UInt128 {
        var power: UInt128 = 1
        for _ in 0..<exponent { power *= 10 }
        return power
    }
}

extension TextCursor {
    /// Builds a string through a cursor over `capacityBytes` of stack memory; for cold paths.
    public static func text(capacityBytes: Int = 128, _ body: (inout TextCursor) -> Void) -> String {
        String(unsafeUninitializedCapacity: capacityBytes) { buffer in
            var cursor = TextCursor(buffer: buffer)
            body(&cursor)
            precondition(!cursor.isOverflown, "text longer than its stated capacity")
            return cursor.count
        }
    }
}
