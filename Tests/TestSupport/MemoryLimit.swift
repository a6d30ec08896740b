import Foundation
import Glibc

/// A control group of a test's own (version 1 or 2) whose processes may use so much memory together; only root can make one.
public struct MemoryLimit: Sendable {
    /// Where memory is limited on this machine; nil where it can't be.
    private static let root: (path: String, version: Int)? = {
        if FileManager.default.fileExists(atPath: "/sys/fs/cgroup/memory/memory.limit_in_bytes") {
            return ("/sys/fs/cgroup/memory", 1)
        }
        let controllers = try? String(contentsOfFile: "/sys/fs/cgroup/cgroup.subtree_control", encoding: .utf8)
        return controllers?.split(whereSeparator: \.isWhitespace).contains("memory") == true
            ? ("/sys/fs/cgroup", 2) : nil
    }()

    /// Whether tests that need it run: as root where memory can be limited, and in CI.
    public static let shouldRun = Repository.isCI || (geteuid() == 0 && root != nil)

    private let path: String
    private let version: Int

    /// Makes the group.
    public init(mebibytes: Int) throws {
        guard let root = Self.root else { throw ConditionTimeout(description: "no memory control group here") }
        path = "\(root.path)/tickline-\(UUID().uuidString.prefix(8))"
        version = root.version
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let file = version == 1 ? "memory.limit_in_bytes" : "memory.max"
        try "\(mebibytes << 20)\n".write(toFile: "\(path)/\(file)", atomically: false, encoding: .utf8)
    }

    /// A command that runs the rest of its arguments inside.
    public var launcher: [String] {
        ["/bin/sh", "-c", "echo $$ > \(path)/cgroup.procs && exec \"$@\"", "sh"]
    }

    /// Processes that were killed for want of memory.
    public var kills: Int {
        let file = version == 1 ? "memory.oom_control" : "memory.events"
        let lines = (try? String(contentsOfFile: "\(path)/\(file)", encoding: .utf8))?.split(separator: "\n") ?? []
        return lines.first { $0.hasPrefix("oom_kill ") }.flatMap { Int($0.dropFirst(9)) } ?? -1
    }

    /// The most it used so far, file pages included.
    public var peakBytes: Int {
        get throws {
            let file = version == 1 ? "memory.max_usage_in_bytes" : "memory.peak"
            let text = try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
            return Int(text.split(separator: "\n").first ?? "") ?? 0
        }
    }

    /// Removes it, once its processes have ended.
    public func remove() { rmdir(path) }
}
