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

    /// Reads `-12.340`, `5` or `.5`; nil for anything else: exponents, signs other than `-`, a point without a digit behind it
    /// and more than 38 digits, leading zeros not counted.
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
        guard digits > 0, decimals != 0 else { return nil }
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
        // Tens are taken out first, whole or as a two here and a five there: what is left overflows only where the product has
        // more digits than we hold.
        var (left, right, places) = (mantissa, other.mantissa, decimals + other.decimals)
        while places > 0 {
            let tens: (Int128, Int128)? =
                if left % 10 == 0 { (10, 1) } else if right % 10 == 0 { (1, 10) } else if left % 2 == 0, right % 5 == 0
                {
                    (2, 5)
                } else if left % 5 == 0, right % 2 == 0 { (5, 2) } else { nil }
            guard let tens else { break }
            left /= tens.0
            right /= tens.1
            places -= 1
        }
        let (product, overflow) = left.multipliedReportingOverflow(by: right)
        return overflow ? nil : ExactDecimal(mantissa: product, decimals: places)
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
        guard exponent < 0 else {
            return Self.longQuotient(mantissa, other.mantissa, digits: exponent, decimals: places, rounding)
        }
        let (divisor, overflow) = other.mantissa.multipliedReportingOverflow(by: Self.powerOfTen(-exponent))
        guard overflow else { return Self.quotient(mantissa, divisor, decimals: places, rounding) }
        // The divisor is above 10^38 and so more than twice the dividend.
        guard rounding == .up, !isZero else { return .zero }
        return ExactDecimal(mantissa: isNegative != other.isNegative ? -1 : 1, decimals: places)
    }

    /// The multiple of `step` next to it: by default the largest one that is not above it in magnitude; the number itself
    /// where `step` is zero. Nil where the multiple, or its distance, has more than 34 digits.
    public func rounded(toMultipleOf step: ExactDecimal, _ rounding: Rounding = .down) -> ExactDecimal? {
        guard !step.isZero else { return self }
        let (rest, left, isOdd) = magnitude.rest(by: step.magnitude)
        let isUp =
            switch rounding {
            case .down: false
            case .up: rest > 0
            case .halfEven: rest > left || (rest == left && isOdd)
            }
        let distance = ExactDecimal(mantissa: isUp ? -left : rest, decimals: max(decimals, step.decimals))
        guard let multiple = distance.flatMap({ magnitude.subtracting($0) }) else { return nil }
        return isNegative ? -multiple : multiple
    }

    /// Whether it is a whole multiple of `step`; every number is one of zero.
    public func isMultiple(of step: ExactDecimal) -> Bool {
        step.isZero || magnitude.rest(by: step.magnitude).rest == 0
    }

    /// What lies between a number that is not below zero and the multiple of `step` below it, and the one above, at the finer
    /// of both numbers' decimals, and whether the multiple below is an odd one.
    private func rest(by step: ExactDecimal) -> (rest: Int128, left: Int128, isOdd: Bool) {
        let places = max(decimals, step.decimals)
        let (scaled, overflow) = step.mantissa.multipliedReportingOverflow(by: Self.powerOfTen(places - step.decimals))
        // A step that overflows is above twice any number of 34 digits; this one is then at its own decimals already.
        let (twice, twiceOverflow) = scaled.multipliedReportingOverflow(by: 2)
        guard !overflow, !twiceOverflow else { return (mantissa, overflow ? .max : scaled - mantissa, false) }
        var rest = mantissa % twice
        // Digit by digit; where there are any the step has no more than its own 34 digits, so one more finds room.
        for _ in 0..<(places - decimals) { rest = rest * 10 % twice }
        let isOdd = rest >= scaled
        if isOdd { rest -= scaled }
        return (rest, scaled - rest, isOdd)
    }

    private static func quotient(
        _ dividend: Int128, _ divisor: Int128, decimals: Int, _ rounding: Rounding
    ) -> ExactDecimal? {
        longQuotient(dividend, divisor, digits: 0, decimals: decimals, rounding)
    }

    /// `dividend · 10^digits / divisor / 10^decimals`, by long division in decimal digits: no intermediate is cut, however many
    /// digits of it turn out to be zeros.
    private static func longQuotient(
        _ dividend: Int128, _ divisor: Int128, digits count: Int, decimals: Int, _ rounding: Rounding
    ) -> ExactDecimal? {
        var (whole, rest) = dividend.magnitude.quotientAndRemainder(dividingBy: divisor.magnitude)
        var digits: [UInt8] = []
        while whole > 0 {
            digits.append(UInt8(whole % 10))
            whole /= 10
        }
        digits.reverse()
        for _ in 0..<count {
            let (digit, next) = (rest * 10).quotientAndRemainder(dividingBy: divisor.magnitude)
            digits.append(UInt8(digit))
            rest = next
        }
        let left = divisor.magnitude - rest
        let isUp =
            switch rounding {
            case .down: false
            case .up: rest > 0
            case .halfEven: rest > left || (rest == left && (digits.last ?? 0) % 2 == 1)
            }
        if isUp { increment(&digits) }
        return ExactDecimal(
            isNegative: (dividend < 0) != (divisor < 0), digits: digits[...], decimals: decimals)
    }

    /// Adds one to the number that the digits write, highest first.
    private static func increment(_ digits: inout [UInt8]) {
        for index in digits.indices.reversed() {
            guard digits[index] == 9 else {
                digits[index] += 1
                return
            }
            digits[index] = 0
        }
        digits.insert(1, at: 0)
    }

    /// The number that the digits write, highest first; nil beyond 34 digits or decimals.
    private init?(isNegative: Bool, digits: ArraySlice<UInt8>, decimals: Int) {
        var (digits, decimals) = (digits.drop { $0 == 0 }, decimals)
        while decimals > 0, digits.last == 0 {
            digits.removeLast()
            decimals -= 1
        }
        guard digits.count <= Self.mostDigits else { return nil }
        let magnitude = digits.reduce(Int128(0)) { $0 * 10 + Int128($1) }
        self.init(mantissa: isNegative ? -magnitude : magnitude, decimals: decimals)
    }

    private static func powerOfTen(_ exponent: Int) -> Int128 {
        var power: Int128 = 1
        for _ in 0..<exponent { power *= 10 }
        return power
    }
}
