/// A decimal as BSON's Decimal128 keeps it: exact, and a number to consumers in every language.
///
/// The bits are those of IEEE 754-2008 decimal128 in the binary integer encoding: sign, 14-bit exponent biased by 6176,
/// 113-bit coefficient (bsonspec.org, type 0x13).
struct ExactDecimal: Equatable {
    /// The low half.
    let low: UInt64
    /// The high half with sign and exponent.
    let high: UInt64

    /// `value / 10^decimals` without trailing zeros, so that equal numbers have equal bits.
    init(fixedPoint value: Int64, decimals: Int) {
        self.init(isNegative: value < 0, magnitude: UInt128(value.magnitude), decimals: decimals)
    }

    /// The average `sum / (count · 10^decimals)`, rounded half to even at 10 places, zeros stripped: the number in the
    /// signal's stream entry. The arithmetic is that of `TextCursor.append(averageOf:count:decimals:)`.
    init(averageOf sum: Int128, count: Int, decimals: Int) {
        let places = 10
        var scaled = sum.magnitude
        var divisor = UInt128(count)
        for _ in 0..<max(0, places - decimals) { scaled *= 10 }
        for _ in 0..<max(0, decimals - places) { divisor *= 10 }
        var (quotient, remainder) = scaled.quotientAndRemainder(dividingBy: divisor)
        let twice = remainder * 2
        if twice > divisor || (twice == divisor && quotient % 2 == 1) { quotient += 1 }
        self.init(isNegative: sum < 0 && quotient != 0, magnitude: quotient, decimals: places)
    }

    private init(isNegative: Bool, magnitude: UInt128, decimals: Int) {
        var magnitude = magnitude
        var exponent = -decimals
        while exponent < 0, magnitude % 10 == 0 {
            magnitude /= 10
            exponent += 1
        }
        // 63-bit prices give averages below 2^63 · 10^10 < 2^97, so the coefficient always fits its 113 bits.
        precondition(magnitude < 1 << 113, "decimal out of range")
        low = UInt64(truncatingIfNeeded: magnitude)
        high =
            (isNegative ? 1 << 63 : 0) | UInt64(exponent + 6_176) << 49 | UInt64(truncatingIfNeeded: magnitude >> 64)
    }
}
