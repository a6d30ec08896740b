// Runs the engine for long on recorded and synthetic exchanges that misbehave every few seconds, then compares what it
// stored and published with what was sent.
//
//   soak [SECONDS [SEED [RATE]]]    defaults: 60 seconds, a random seed, 20,000 messages a second
//
// Prints the seed first, each fault as it is injected, then the oracle's figures. Exit status: 0 every promise held, 1 one
// was broken or the run failed, 64 wrong usage. See Tests/Soak/oracle.py for what is compared.

import Foundation
import TestSupport

/// Writes a line at once: a fault that hangs the run must be seen.
func say(_ line: String) { FileHandle.standardOutput.write(Data("soak: \(line)\n".utf8)) }

/// Writes a line to standard error.
func complain(_ line: String) { FileHandle.standardError.write(Data("soak: \(line)\n".utf8)) }

guard let options = SoakOptions(Array(CommandLine.arguments.dropFirst())) else {
    complain("usage: soak [SECONDS [SEED [RATE]]], for example: soak 60 4711 20000")
    exit(64)
}
let folder = try TemporaryFolder("tickline-soak")
say("\(options.seconds) s at \(options.rate) messages/s, seed \(options.seed), files in \(folder.path)")
do {
    let status = try await SoakRun(options: options, folder: folder).perform()
    // What a failed run left is what explains it.
    if status == 0 { folder.remove() }
    exit(status)
} catch {
    complain("\(error)")
    exit(1)
}
