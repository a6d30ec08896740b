/// Prints a figure of the promise that a user is given, in the form that `scripts/goals` collects; whether its bound is kept,
/// which is for the test to expect.
///
/// - Parameters:
///   - what: what was measured, without `|`.
///   - bound: the most that `value` may be.
///   - unit: behind both numbers, such as `s`.
public func goal(_ what: String, _ value: Double, atMost bound: Double, _ unit: String = "") -> Bool {
    let isMet = value <= bound
    func text(_ number: Double) -> String {
        let digits = number == number.rounded() ? "\(Int(number))" : "\((number * 1_000).rounded() / 1_000)"
        return unit.isEmpty ? digits : "\(digits) \(unit)"
    }
    print("figure: goal | \(what) | \(text(value)) | bound \(text(bound)) | \(isMet ? "met" : "missed")")
    return isMet
}

/// The same for what is counted.
public func goal(_ what: String, _ count: Int, atMost bound: Int) -> Bool {
    goal(what, Double(count), atMost: Double(bound))
}
