import Foundation
import Glibc

/// A disk of a test's own, in memory and of limited size, that a test can fill; only root can make one.
public struct TemporaryDisk: Sendable {
    private let folder: TemporaryFolder
    private let ballast: String

    /// Mounts it, empty.
    public init(mebibytes: Int) throws {
        folder = try TemporaryFolder("disk")
        ballast = folder.path + "/ballast"
        try Command.run(["mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m", "tmpfs", folder.path])
    }

    /// Where it is.
    public var path: String { folder.path }

    /// Fills it up to so many bytes, or wholly.
    public func fill(leavingBytes: Int = 0) throws {
        let descriptor = open(ballast, O_CREAT | O_WRONLY, 0o600)
        defer { close(descriptor) }
        var code = ENOSPC
        // Who writes to the disk meanwhile may take what was counted as free.
        for _ in 0..<100 where code == ENOSPC {
            var state = statvfs()
            guard descriptor >= 0, fstatvfs(descriptor, &state) == 0 else {
                throw ConditionTimeout(description: "no ballast: \(errno)")
            }
            code = posix_fallocate(descriptor, 0, max(1, Int(state.f_bavail) * Int(state.f_frsize) - leavingBytes))
        }
        guard code == 0 else { throw ConditionTimeout(description: "the disk can't be filled: \(code)") }
    }

    /// Gives the space back.
    public func empty() throws { try FileManager.default.removeItem(atPath: ballast) }

    /// Unmounts it; what is on it is gone.
    public func remove() {
        // A process that has just ended may hold it a moment longer.
        do { try Command.run(["umount", "-l", folder.path]) } catch { print("not unmounted: \(error)") }
        folder.remove()
    }
}
