import Foundation
import Logging
import SimulatedSystem

/// What a call asks for.
struct SimulationOptions: Sendable {
    /// Seeds, one after the other.
    private(set) var count: UInt64 = 200
    private(set) var firstSeed: UInt64 = 1
    /// How many run at a time, each in a process of its own.
    private(set) var jobs: Int32 = 2
    /// Whether the first failure is the last seed.
    private(set) var endsEarly = false
    private(set) var isVerbose = false

    /// The options of a command line; for one that is wrong the process ends.
    static func understood(_ words: ArraySlice<String>) -> SimulationOptions {
        guard let options = SimulationOptions(words) else {
            say("usage: Simulate [COUNT [FIRST-SEED]] [--jobs N] [--until-failure] [--verbose]", on: .standardError)
            exit(64)
        }
        return options
    }

    /// Understands the words of a command line; nil for any that it does not know.
    private init?(_ words: ArraySlice<String>) {
        var numbers: [UInt64] = []
        var words = words
        while let word = words.popFirst() {
            switch word {
            case "--verbose": isVerbose = true
            case "--until-failure": endsEarly = true
            case "--jobs":
                guard let number = words.popFirst().flatMap({ Int32($0) }), number > 0 else { return nil }
                jobs = number
            default:
                guard let number = UInt64(word), numbers.count < 2 else { return nil }
                numbers.append(number)
            }
        }
        if let count = numbers.first { self.count = count }
        if numbers.count == 2 { firstSeed = numbers[1] }
    }
}

/// The product's log with simulated times, for a run that is looked at.
struct SimulationLog: LogHandler {
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        say("  \(Double(sim_now_ns()) / 1e9) \(event.level) \(event.message)\(details)", on: .standardError)
    }
}
