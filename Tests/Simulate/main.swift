import Foundation
import Glibc
import Logging
import SimulatedSystem

// Runs the product's own threads in a simulated world, a seed after the other, and compares what they stored and published
// with what the exchange says.
//
// usage: Simulate [COUNT [FIRST-SEED]] [--jobs N] [--until-failure] [--verbose]
//
// Prints a line for each seed that failed, and how to replay it; exit status 0 where none did, 1 where one did, 64 for wrong
// usage.

/// Lines of the product's log, for a run that is looked at.
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

/// Writes a line at once.
func say(_ line: String, on file: FileHandle = .standardOutput) { file.write(Data("\(line)\n".utf8)) }

var arguments = CommandLine.arguments.dropFirst()
let isVerbose = arguments.contains("--verbose")
let endsEarly = arguments.contains("--until-failure")
arguments.removeAll { ["--verbose", "--until-failure"].contains($0) }
var jobs: Int32 = 2
if let index = arguments.firstIndex(of: "--jobs"), index + 1 < arguments.endIndex,
    let number = Int32(arguments[index + 1])
{
    jobs = number
    arguments.removeSubrange(index...index + 1)
}
let numbers = arguments.compactMap { UInt64($0) }
guard numbers.count == arguments.count, numbers.count <= 2, jobs > 0 else {
    say("usage: Simulate [COUNT [FIRST-SEED]] [--jobs N] [--until-failure] [--verbose]", on: .standardError)
    exit(64)
}
// Where the order of a dictionary may show, it must be the same each time.
if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    // A crash is the seed's failure; its place is found by a debugger, with the simulation standing still.
    setenv("SWIFT_BACKTRACE", "enable=no", 1)
    var words = CommandLine.arguments.map { strdup($0) } + [nil]
    execv("/proc/self/exe", &words)
}
signal(SIGPIPE, SIG_IGN)
let count = numbers.first ?? 200
let first = numbers.count > 1 ? numbers[1] : 1
let isVerboseRun = isVerbose

let failures = sim_fork_each(first, count, jobs, endsEarly) { seed in
    let folder = "\(NSTemporaryDirectory())/simulate-\(getpid())"
    defer { if getenv("KEEP") == nil { try? FileManager.default.removeItem(atPath: folder) } }
    sim_begin(seed)
    do {
        let simulation = try Simulation(
            folder: folder,
            logger: Logger(label: "simulation") { _ in
                if isVerboseRun { SimulationLog() } else { SwiftLogNoOpLogHandler() }
            })
        let breaches = simulation.run()
        let figures = simulation.figures
        say(
            "seed \(seed): \(breaches.isEmpty ? "passed" : "FAILED") | trades \(simulation.tradeCount) | signals"
                + " \(figures.signals) | processes \(simulation.lifeCount) | refilled \(figures.refilled) | in gaps"
                + " \(figures.missing) | seconds \(sim_now_ns() / 1_000_000_000) | calls \(sim_calls()) | trace"
                + " \(String(sim_trace(), radix: 16))")
        for breach in breaches.prefix(isVerboseRun ? 200 : 10) { say("seed \(seed): breach: \(breach)") }
        return breaches.isEmpty ? 0 : 1
    } catch {
        say("seed \(seed): FAILED | \(error)")
        return 1
    }
}
say("figure: simulation | seeds \(count) from \(first) | failed \(failures)")
exit(failures == 0 ? 0 : 1)
