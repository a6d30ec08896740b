import Foundation
import Glibc
import Synchronization

/// A server program a test starts on 127.0.0.1 and ends by its own process id.
public final class ServerProcess: @unchecked Sendable {
    // Unchecked: `process` is only used by the one test that owns this object.
    private let process = Process()

    /// Where standard output and error go.
    public let log: URL

    /// Starts `program` (found on the PATH unless absolute); its output goes to `folder/name.log`.
    ///
    /// - Parameter environment: all it gets; nil for the tests' own.
    public init(
        _ program: String, _ arguments: [String], environment: [String: String]? = nil, folder: URL, name: String
    ) throws {
        log = folder.appendingPathComponent("\(name).log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        let output = try FileHandle(forWritingTo: log)
        process.executableURL = URL(fileURLWithPath: program.hasPrefix("/") ? program : "/usr/bin/env")
        process.arguments = program.hasPrefix("/") ? arguments : [program] + arguments
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        process.currentDirectoryURL = folder
        if let environment { process.environment = environment }
        try process.runUnmasked()
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// The process id.
    public var processID: Int32 { process.processIdentifier }

    /// Whether it still runs.
    public var isRunning: Bool { process.isRunning }

    /// Whether the process does something else on a signal than what the system does by default; Linux' own word.
    public func ignoresOrCatches(_ number: Int32) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8) else {
            return false
        }
        return status.split(separator: "\n").contains { line in
            guard line.hasPrefix("SigIgn:") || line.hasPrefix("SigCgt:"),
                let mask = UInt64(line.split(separator: "\t").last ?? "", radix: 16)
            else { return false }
            return mask & (1 << UInt64(number - 1)) != 0
        }
    }

    /// What it printed so far.
    public var output: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// Sends a signal.
    public func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Sends SIGTERM (or another signal), waits for the end and returns the exit status.
    @discardableResult
    public func stop(_ number: Int32 = SIGTERM) -> Int32 {
        if process.isRunning { kill(process.processIdentifier, number) }
        process.waitUntilExit()
        return process.terminationStatus
    }
}

/// Ports given out so far: the system would soon give the same one again.
private let givenPorts = Mutex<Set<Int>>([])

/// A TCP port of 127.0.0.1 that was free a moment ago and that no other test of this process was given.
public func freePort() -> Int {
    while true {
        let port = portOfTheSystem()
        if givenPorts.withLock({ $0.insert(port).inserted }) { return port }
    }
}

private func portOfTheSystem() -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    precondition(descriptor >= 0, "no socket")
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            precondition(bind(descriptor, generic, length) == 0, "no free port")
            precondition(getsockname(descriptor, generic, &length) == 0, "no port")
        }
        return Int(UInt16(bigEndian: pointer.pointee.sin_port))
    }
}

extension Process {
    /// Starts the process with no signal blocked: it inherits this thread's mask, and the threads that run tests block
    /// nearly all, so that scripts could not end their own children by a signal.
    public func runUnmasked() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}
