/// What the command line of a soak run says.
struct SoakOptions {
    /// How long faults are injected.
    var seconds = 60.0
    /// Seed of the market and of the faults; the same seed injects the same faults at the same moments.
    var seed: UInt64
    /// Messages a second over all feeds.
    var rate = 20_000.0

    /// The strategy's periods: short ones cross often, some thousand times a second.
    static let (short, long) = (2, 5)

    /// Reads `SECONDS [SEED [RATE]]`; nil where it is not of that form.
    init?(_ arguments: [String]) {
        var random = SystemRandomNumberGenerator()
        seed = random.next() % 1_000_000
        guard arguments.count <= 3 else { return nil }
        if arguments.count > 0 {
            guard let seconds = Double(arguments[0]), (10...86_400).contains(seconds) else { return nil }
            self.seconds = seconds
        }
        if arguments.count > 1 {
            guard let seed = UInt64(arguments[1]) else { return nil }
            self.seed = seed
        }
        if arguments.count > 2 {
            guard let rate = Double(arguments[2]), (100...1_000_000).contains(rate) else { return nil }
            self.rate = rate
        }
    }
}

/// What the command line of a day's run says.
struct DayOptions {
    /// Market time, in seconds.
    var seconds = 86_400.0
    /// Seed of the market.
    var seed: UInt64

    /// Reads `[SECONDS [SEED]]`; nil where it is not of that form.
    init?(_ arguments: [String]) {
        var random = SystemRandomNumberGenerator()
        seed = random.next() % 1_000_000
        guard arguments.count <= 2 else { return nil }
        if arguments.count > 0 {
            guard let seconds = Double(arguments[0]), (600...7 * 86_400).contains(seconds) else { return nil }
            self.seconds = seconds
        }
        if arguments.count > 1 {
            guard let seed = UInt64(arguments[1]) else { return nil }
            self.seed = seed
        }
    }
}
