/// What one sign of short − long means after those before it.
public enum CrossoverOutcome: Sendable, Equatable {
    /// Equal averages; what follows is compared with the last non-zero sign.
    case tie
    /// The first non-zero sign of an unbroken run, equal to the one before the gap or with none before it.
    case first
    /// The first non-zero sign after a gap, other than the one before it.
    case changedOverGap
    /// The sign differs from the last non-zero one of the run.
    case crossed
    /// The same sign as the last non-zero one.
    case unchanged
}

/// Finds crossings in a sequence of signs; state of two bytes, O(1).
///
/// Touching zero and returning is no crossing; touching and passing is one, at the passing tick. The first sign of a run
/// is state. A gap ends the run: what was true before it is only compared with the first sign after it.
public struct CrossoverDetector: Sendable, Equatable {
    /// The last non-zero sign of the present run, 0 while there is none.
    @usableFromInline var lastSign: Int8 = 0
    /// The last non-zero sign before the gap that began this run, 0 where unknown.
    @usableFromInline var signBeforeGap: Int8 = 0

    /// Starts without any past.
    public init() {}

    /// Goes on where another one stood, see `signs`.
    public init(lastSign: Int8, signBeforeGap: Int8) {
        self.lastSign = lastSign
        self.signBeforeGap = signBeforeGap
    }

    /// The last non-zero sign of the present run and the one before the gap that began it; 0 where unknown. All it holds.
    public var signs: (last: Int8, beforeGap: Int8) { (lastSign, signBeforeGap) }

    // hot path (HotPathTests)
    /// Takes the next sign (−1, 0 or 1).
    @inlinable
    public mutating func update(sign: Int8) -> CrossoverOutcome {
        guard sign != 0 else { return .tie }
        let (last, before) = (lastSign, signBeforeGap)
        lastSign = sign
        signBeforeGap = 0
        if last == 0 { return before == 0 || before == sign ? .first : .changedOverGap }
        return last == sign ? .unchanged : .crossed
    }

    /// Ends the run: ids are missing.
    public mutating func breakRun() {
        if lastSign != 0 { signBeforeGap = lastSign }
        lastSign = 0
    }

    /// Takes over a sign that another instance published before this one knew any.
    ///
    /// Ignored once a sign of the present run is known.
    /// - Parameter insideRun: whether its tick belongs to the present unbroken run; otherwise it lies before a gap.
    public mutating func adopt(sign: Int8, insideRun: Bool) {
        guard lastSign == 0 else { return }
        if insideRun { lastSign = sign } else if signBeforeGap == 0 { signBeforeGap = sign }
    }
}
