/// Pseudo-random numbers that a seed repeats: SplitMix64 (Steele, Lea, Flood, 2014). Not for secrets.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Uniform in `0..<bound`, by multiplication; the bias is below 2⁻³² for bounds below 2³².
    mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }

    /// Uniform in `(0, 1]` with 53 bits.
    mutating func unitInterval() -> Double { Double((next() >> 11) + 1) * 0x1p-53 }
}
