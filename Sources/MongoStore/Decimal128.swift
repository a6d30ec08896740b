internal import TradingModel

/// A decimal as BSON's Decimal128 keeps it: exact, and a number to consumers in every language.
///
/// The bits are those of IEEE 754-2008 decimal128 in the binary integer encoding: sign, 14-bit exponent biased by 6176,
/// 113-bit coefficient (bsonspec.org, type 0x13).
struct Decimal128: Equatable {
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

    /// The bits as they are in a document.
    init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// An exact decimal: its 34 digits and 34 decimals are what the bits hold.
    init(_ value: ExactDecimal) {
        self.init(isNegative: value.isNegative, magnitude: value.mantissa.magnitude, decimals: value.decimals)
    }

    /// The number as an exact decimal; nil for what is none, or has above 34 digits or decimals.
    var exact: ExactDecimal? {
        guard let (isNegative, magnitude, decimals) = parts, let mantissa = Int128(exactly: magnitude) else {
            return nil
        }
        return ExactDecimal(mantissa: isNegative ? -mantissa : mantissa, decimals: decimals)
    }

    /// The number as Tickline writes it everywhere: without an exponent or trailing zeros; nil for what Tickline never writes
    /// (not a number, infinite, above 34 digits before or behind the point).
    var text: String? {
        guard let (isNegative, magnitude, decimals) = parts, decimals <= 34 else { return nil }
        return TextCursor.text { $0.appendDecimal(negative: isNegative, magnitude: magnitude, decimals: decimals) }
    }

    /// Sign, digits and decimals; nil for what is not a number, infinite, or above 34 digits before the point.
    private var parts: (isNegative: Bool, magnitude: UInt128, decimals: Int)? {
        // Both bits set: the other encoding of the coefficient, which only numbers that are none and too large ones have.
        guard high >> 61 & 0b11 != 0b11 else { return nil }
        let exponent = Int(high >> 49 & 0x3FFF) - 6_176
        var magnitude = UInt128(high & (1 << 49 - 1)) << 64 | UInt128(low)
        // No digit but zero is left at any exponent.
        guard magnitude > 0 else { return (false, 0, 0) }
        guard exponent <= 34 else { return nil }
        for _ in 0..<max(0, exponent) {
            let (product, isOver) = magnitude.multipliedReportingOverflow(by: 10)
            guard !isOver else { return nil }
            magnitude = product
        }
        return (high >> 63 == 1, magnitude, max(0, -exponent))
    }
}
