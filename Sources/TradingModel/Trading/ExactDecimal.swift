/// A decimal number that is exactly what it says: `mantissa / 10^decimals`.
///
/// For money: prices times quantities, costs, fees and profits. At most 34 digits and 34 decimals, which is what MongoDB's
/// Decimal128 holds, so every value is stored exactly. Arithmetic never rounds; a result beyond the limits is nil, since data
/// never traps. Equal numbers are equal whatever decimals they were written with (`1.50 == 1.5`). All operations are
/// O(digits).
public struct ExactDecimal: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The most digits of a mantissa, and the most decimals.
    public static let mostDigits = 34
    /// Zero.
    public static let zero = ExactDecimal(normalised: 0, decimals: 0)

    private static let limit = powerOfTen(mostDigits)

    /// The digits, without trailing zeros behind the point.
    public let mantissa: Int128
    /// How many of them stand behind the point.
    public let decimals: Int

    private init(normalised mantissa: Int128, decimals: Int) {
        self.mantissa = mantissa
        self.decimals = decimals
    }

    /// `mantissa / 10^decimals`; nil beyond 34 digits or decimals.
    public init?(mantissa: Int128, decimals: Int) {
        guard decimals >= 0 else { return nil }
        var (mantissa, decimals) = (mantissa, decimals)
        if mantissa == 0 { decimals = 0 }
        while decimals > 0, mantissa % 10 == 0 {
            mantissa /= 10
            decimals -= 1
        }
        guard decimals <= Self.mostDigits, mantissa.magnitude < Self.limit.magnitude else { return nil }
        self.init(normalised: mantissa, decimals: decimals)
    }

    /// A whole number.
    public init(_ value: Int) { self.init(normalised: Int128(value), decimals: 0) }

    /// Reads `-12.340`, `5` or `.5`; nil for anything else, exponents and signs other than `-` included.
    public init?(_ text: some StringProtocol) {
        var mantissa: Int128 = 0
        var decimals: Int?
        var digits = 0
        var bytes = text.utf8[...]
        let isNegative = bytes.first == UInt8(ascii: "-")
        if isNegative { bytes.removeFirst() }
        for byte in bytes {
            if byte == UInt8(ascii: "."), decimals == nil {
                decimals = 0
                continue
            }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            digits += 1
            if let places = decimals { decimals = places + 1 }
            // 38 digits fit an Int128; zeros at the end may make more than 34 of them a number we hold.
            guard mantissa < Self.powerOfTen(37) else { return nil }
            mantissa = mantissa * 10 + Int128(byte - UInt8(ascii: "0"))
        }
        guard digits > 0 else { return nil }
        self.init(mantissa: isNegative ? -mantissa : mantissa, decimals: decimals ?? 0)
    }

    /// Without an exponent or trailing zeros: `-0.5`, `61826`.
    public var description: String {
        TextCursor.text { $0.appendDecimal(negative: mantissa < 0, magnitude: mantissa.magnitude, decimals: decimals) }
    }

    /// Whether it is below zero.
    public var isNegative: Bool { mantissa < 0 }
    /// Whether it is zero.
    public var isZero: Bool { mantissa == 0 }
    /// Its absolute value.
    public var magnitude: ExactDecimal { isNegative ? -self : self }

    /// The number of the other sign.
    public static prefix func - (value: ExactDecimal) -> ExactDecimal {
        ExactDecimal(normalised: -value.mantissa, decimals: value.decimals)
    }

    /// Less than, as numbers.
    public static func < (left: ExactDecimal, right: ExactDecimal) -> Bool {
        if (left.mantissa < 0) != (right.mantissa < 0) { return left.mantissa < 0 }
        // Whole parts first: at one scale the mantissas might not fit.
        let (leftWhole, leftRest) = left.mantissa.quotientAndRemainder(dividingBy: powerOfTen(left.decimals))
        let (rightWhole, rightRest) = right.mantissa.quotientAndRemainder(dividingBy: powerOfTen(right.decimals))
        if leftWhole != rightWhole { return leftWhole < rightWhole }
        // Rests are below 10^34 each; brought to the finer of the two scales they still are.
        let places = max(left.decimals, right.decimals)
        return leftRest * powerOfTen(places - left.decimals) < rightRest * powerOfTen(places - right.decimals)
    }

    /// The exact sum; nil beyond 34 digits.
    public func adding(_ other: ExactDecimal) -> ExactDecimal? {
        let places = max(decimals, other.decimals)
        let (left, leftOverflow) = mantissa.multipliedReportingOverflow(by: Self.powerOfTen(places - decimals))
        let (right, rightOverflow) = other.mantissa.multipliedReportingOverflow(
            by: Self.powerOfTen(places - other.decimals))
        let (sum, overflow) = left.addingReportingOverflow(right)
        guard !leftOverflow, !rightOverflow, !overflow else { return nil }
        return ExactDecimal(mantissa: sum, decimals: places)
    }

    /// The exact difference; nil beyond 34 digits.
    public func subtracting(_ other: ExactDecimal) -> ExactDecimal? { adding(-other) }

    /// The exact product; nil beyond 34 digits.
    public func multiplied(by other: ExactDecimal) -> ExactDecimal? {
        let (product, overflow) = mantissa.multipliedReportingOverflow(by: other.mantissa)
        return overflow ? nil : ExactDecimal(mantissa: product, decimals: decimals + other.decimals)
    }

    /// How a number that has no exact decimal is brought to a number of decimals.
    public enum Rounding: Sendable {
        /// Towards zero.
        case down
        /// Away from zero.
        case up
        /// To the nearest, halves to the even digit.
        case halfEven
    }

    /// The number at `places` decimals; nil beyond 34 digits.
    public func rounded(to places: Int, _ rounding: Rounding) -> ExactDecimal? {
        precondition((0...Self.mostDigits).contains(places), "decimals outside 0...34")
        guard decimals > places else { return self }
        return Self.quotient(mantissa, Self.powerOfTen(decimals - places), decimals: places, rounding)
    }

    /// The quotient at `places` decimals; nil for a divisor of zero and beyond 34 digits.
    public func divided(by other: ExactDecimal, places: Int, _ rounding: Rounding) -> ExactDecimal? {
        precondition((0...Self.mostDigits).contains(places), "decimals outside 0...34")
        guard !other.isZero else { return nil }
        // mantissa / 10^a ÷ other / 10^b at p places is mantissa · 10^(p + b − a) / other.
        let exponent = places + other.decimals - decimals
        if exponent >= 0 {
            guard exponent <= 38, !mantissa.multipliedReportingOverflow(by: Self.powerOfTen(exponent)).overflow else {
                return nil
            }
            return Self.quotient(
                mantissa * Self.powerOfTen(exponent), other.mantissa, decimals: places, rounding)
        }
        let (divisor, overflow) = other.mantissa.multipliedReportingOverflow(by: Self.powerOfTen(-exponent))
        return overflow ? nil : Self.quotient(mantissa, divisor, decimals: places, rounding)
    }

    /// The largest multiple of `step` that is not above it in magnitude; the number itself where `step` is zero, nil beyond 34
    /// digits.
    public func rounded(toMultipleOf step: ExactDecimal, _ rounding: Rounding = .down) -> ExactDecimal? {
        guard !step.isZero else { return self }
        return divided(by: step, places: 0, rounding)?.multiplied(by: step)
    }

    /// Whether it is a whole multiple of `step`; every number is one of zero.
    public func isMultiple(of step: ExactDecimal) -> Bool { rounded(toMultipleOf: step) == self }

    private static func quotient(
        _ dividend: Int128, _ divisor: Int128, decimals: Int, _ rounding: Rounding
    ) -> ExactDecimal? {
        var (quotient, remainder) = dividend.magnitude.quotientAndRemainder(dividingBy: divisor.magnitude)
        let left = divisor.magnitude - remainder
        let isUp =
            switch rounding {
            case .down: false
            case .up: remainder > 0
            case .halfEven: remainder > left || (remainder == left && quotient % 2 == 1)
            }
        if isUp { quotient += 1 }
        guard quotient < limit.magnitude else { return nil }
        let isNegative = (dividend < 0) != (divisor < 0)
        return ExactDecimal(mantissa: isNegative ? -Int128(quotient) : Int128(quotient), decimals: decimals)
    }

    private static func powerOfTen(_ exponent: Int) -> Int128 {
        var power: Int128 = 1
        for _ in 0..<exponent { power *= 10 }
        return power
    }
}
