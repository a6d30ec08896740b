import Foundation
import Glibc

/// `strace` beside a process: ends it, or makes a system call fail, at a chosen call; tests that need it say `shouldRun`.
public struct SystemCallFault: Sendable {
    /// Whether tests that need it run: where processes may be traced, and in CI.
    public static let shouldRun =
        Repository.isCI || (try? Command.run(["strace", "-qq", "-o", "/dev/null", "true"])) != nil

    /// What strace is told, but for whom to trace.
    public let options: [String]

    /// SIGKILL on entering the `number`th of these calls, counted from 1 in each thread that is traced.
    ///
    /// - Parameters:
    ///   - calls: strace's words, such as `fdatasync,unlink` or `all`.
    ///   - paths: only calls on these files; empty: all.
    public static func kill(atCall number: Int, of calls: String, paths: [String] = []) -> SystemCallFault {
        SystemCallFault(calls, "signal=KILL:when=\(number)", paths)
    }

    /// An error such as `ENOSPC` in the place of each of these calls.
    public static func error(_ name: String, of calls: String, paths: [String] = []) -> SystemCallFault {
        SystemCallFault(calls, "error=\(name)", paths)
    }

    private init(_ calls: String, _ effect: String, _ paths: [String]) {
        options =
            ["-qq", "-e", "trace=\(calls)", "-e", "inject=\(calls):\(effect)"] + paths.flatMap { ["-P", $0] }
    }

    /// A command that becomes the rest of its arguments, with the fault in all threads.
    public func launcher(log: URL) -> [String] { ["/usr/bin/strace", "-D", "-f", "-o", log.path] + options }

    /// Attaches to the one thread, or with `follows` to the whole process, and returns once it is traced.
    public func attach(to task: Int32, follows: Bool = false, folder: URL, name: String) async throws -> ServerProcess {
        let tracer = try ServerProcess(
            "/usr/bin/strace",
            ["-o", folder.appendingPathComponent("\(name).calls").path] + (follows ? ["-f"] : []) + options + [
                "-p", "\(task)",
            ], folder: folder, name: name)
        try await waitUntil("strace is attached: \(tracer.output)") {
            !tracer.isRunning || Self.tracer(of: task) != "0"
        }
        return tracer
    }

    /// The line of proc(5) that names who traces a thread; "0" for nobody, empty where the thread has ended.
    private static func tracer(of task: Int32) -> Substring {
        guard let status = try? String(contentsOfFile: "/proc/\(task)/status", encoding: .utf8) else { return "" }
        let line = status.split(separator: "\n").first { $0.hasPrefix("TracerPid:") }
        return line?.split(separator: "\t").last ?? ""
    }
}

extension ServerProcess {
    /// The number of the thread with this name; nil where there is none.
    public func thread(named name: String) -> Int32? {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(processID)/task")) ?? []
        return tasks.first { task in
            (try? String(contentsOfFile: "/proc/\(processID)/task/\(task)/comm", encoding: .utf8)) == name + "\n"
        }.flatMap { Int32($0) }
    }
}
