import ExchangeSimulator
import Foundation
import Journal
import Logging
import MarketRecording
import Monitoring
import Replay

/// Exit statuses of the command line (sysexits where they exist).
public enum ExitStatus {
    /// Done.
    public static let success: Int32 = 0
    /// Failed while running.
    public static let failure: Int32 = 1
    /// Wrong usage.
    static let usage: Int32 = 64
    /// Wrong configuration.
    public static let configuration: Int32 = 78
}

/// Runs a command's body and turns what it throws into one line on standard error and an exit status.
///
/// A reader that goes away (of standard output, of a socket) must end a write, not the process: SIGPIPE is ignored.
func exitStatus(of body: () async throws -> Void) async -> Int32 {
    signal(SIGPIPE, SIG_IGN)
    do {
        try await body()
        return ExitStatus.success
    } catch let error as SettingsError {
        printError("\(error)")
        return ExitStatus.configuration
    } catch let error as QueryError {
        printError("\(error)")
        return error.exitStatus
    } catch let error as ExplainError {
        printError("\(error)")
        return error.exitStatus
    } catch let error as SimulatorError {
        printError("\(error)")
        return error.isConfiguration ? ExitStatus.configuration : ExitStatus.failure
    } catch let error as RecordingError {
        printError("\(error)")
        return ExitStatus.configuration
    } catch let error as ReplayUsageError {
        printError("\(error)")
        return ExitStatus.usage
    } catch let error as JournalError {
        printError("\(error)")
        return error.exitStatus
    } catch let error as ReplayError {
        printError("\(error)")
        return error.exitStatus
    } catch {
        printError("\(error)")
        return ExitStatus.failure
    }
}

/// A line on standard output, at once: a pipe's reader must not wait for a full buffer. One that has gone is no error.
///
/// - Throws: `QueryError.output`.
func printOutput(_ text: String, terminator: String = "\n") throws(QueryError) {
    var output = QueryOutput()
    output.bytes += (text + terminator).utf8
    try output.flush()
}

/// One line on standard error.
func printError(_ text: String) { printStatus("tickline: \(text)") }

/// Lines for the person at the terminal; standard output is left to signals.
func printStatus(_ text: String) {
    // Where standard error can't be written there is nobody left to tell.
    try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
}

extension JournalError {
    /// A journal that can't be used is a wrong configuration, a disk that fails is not.
    fileprivate var exitStatus: Int32 {
        if case .system = self { ExitStatus.failure } else { ExitStatus.configuration }
    }
}

extension ReplayError {
    fileprivate var exitStatus: Int32 {
        switch self {
        case .journal(let error): error.exitStatus
        case .foreignCheckpoint: ExitStatus.configuration
        case .missingFeed, .diverged, .overflow: ExitStatus.failure
        }
    }
}

extension SimulatorError {
    /// Whether what was asked for can't be served at all, rather than not now.
    fileprivate var isConfiguration: Bool {
        switch self {
        case .addressInUse, .cannotListen, .alreadyStarted, .unknownStream: false
        default: true
        }
    }
}
