import Foundation
import Glibc
import Logging
import SimulatedSystem

// Runs the product's own threads in a simulated world, a seed after the other, and compares what they stored and published
// with what the exchange says.
//
// usage: Simulate [COUNT [FIRST-SEED]] [--jobs N] [--until-failure] [--verbose]
//
// Prints a line for each seed with what it met, and each breach of the promise by its seed, which replays it: the trace of two
// runs is the same. --verbose prints the product's log and what is done to it, and leaves the data folder where it says.
// Exit status: 0 no seed failed, 1 one did, 64 wrong usage.

/// Writes a line at once.
func say(_ line: String, on file: FileHandle = .standardOutput) { file.write(Data("\(line)\n".utf8)) }

let options = SimulationOptions.understood(CommandLine.arguments.dropFirst())
// Where the order of a dictionary may show, it must be the same each time.
if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
    setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
    // A crash is the seed's failure; its place is found by a debugger, with the simulation standing still.
    setenv("SWIFT_BACKTRACE", "enable=no", 1)
    var words = CommandLine.arguments.map { strdup($0) } + [nil]
    execv("/proc/self/exe", &words)
}
signal(SIGPIPE, SIG_IGN)

let failures = sim_fork_each(options.firstSeed, options.count, options.jobs, options.endsEarly) { seed in
    let folder = "\(NSTemporaryDirectory())/simulate-\(getpid())"
    // What a seed that crashed has left under the same process id; mostly there is nothing.
    try? FileManager.default.removeItem(atPath: folder)
    sim_begin(seed)
    do {
        let simulation = try Simulation(
            folder: folder,
            logger: Logger(label: "simulation") { _ in
                if options.isVerbose { SimulationLog() } else { SwiftLogNoOpLogHandler() }
            })
        let breaches = simulation.run()
        say(
            "seed \(seed): \(breaches.isEmpty ? "passed" : "FAILED") | \(simulation.figures) | calls \(sim_calls()) | trace"
                + " \(String(sim_trace(), radix: 16))")
        for breach in breaches.prefix(options.isVerbose ? 200 : 10) { say("seed \(seed): breach: \(breach)") }
        // What can't be removed lies among the system's temporary files.
        if options.isVerbose {
            say("data folder: \(folder)")
        } else {
            try? FileManager.default.removeItem(atPath: folder)
        }
        return breaches.isEmpty ? 0 : 1
    } catch {
        say("seed \(seed): FAILED | \(error)")
        return 1
    }
}
say("figure: simulation | seeds \(options.count) from \(options.firstSeed) | failed \(failures)")
exit(failures == 0 ? 0 : 1)
