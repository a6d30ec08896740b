// Runs the engine for long on recorded and synthetic exchanges that misbehave every few seconds, then compares what it
// stored and published with what was sent.
//
//   soak [SECONDS [SEED [RATE]]]    defaults: 60 seconds, a random seed, 20,000 messages a second
//   soak day [SECONDS [SEED]]       a market of that many seconds, a day by default, as fast as the engine takes it
//
// Prints the seed first, each fault as it is injected, then the oracle's figures. Exit status: 0 every promise held, 1 one
// was broken or the run failed, 64 wrong usage. See oracle.py and day_oracle.py in this folder for what is
// compared.

import Foundation
import TestSupport

/// Writes a line at once: a fault that hangs the run must be seen.
func say(_ line: String) { FileHandle.standardOutput.write(Data("soak: \(line)\n".utf8)) }

/// Writes a line to standard error.
func complain(_ line: String) { FileHandle.standardError.write(Data("soak: \(line)\n".utf8)) }

/// What is run in a folder of its own; returns the exit status.
let perform: (TemporaryFolder) async throws -> Int32
let arguments = Array(CommandLine.arguments.dropFirst())
if arguments.first == "day", let options = DayOptions(Array(arguments.dropFirst())) {
    say("\(options.seconds) s of a market as fast as the engine takes it, seed \(options.seed)")
    perform = { try await DayRun(options: options, folder: $0).perform() }
} else if let options = SoakOptions(arguments) {
    say("\(options.seconds) s at \(options.rate) messages/s, seed \(options.seed)")
    perform = { try await SoakRun(options: options, folder: $0).perform() }
} else {
    complain("usage: soak [SECONDS [SEED [RATE]]] | soak day [SECONDS [SEED]], for example: soak 60 4711 20000")
    exit(64)
}
let folder = try TemporaryFolder("tickline-soak")
say("files in \(folder.path)")
do {
    let status = try await perform(folder)
    // What a failed run left is what explains it.
    if status == 0 { folder.remove() }
    exit(status)
} catch {
    complain("\(error)")
    exit(1)
}
