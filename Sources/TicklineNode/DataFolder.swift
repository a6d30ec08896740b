import Foundation
import Glibc

/// The folder a process keeps its data in, held by a lock so that two processes never write the same files.
///
/// The lock (`flock` on the file `lock`) ends with the process, however it ends; the file stays.
package final class DataFolder: Sendable {
    /// The folder.
    let path: String
    private let descriptor: Int32

    /// Makes the folder where it is absent and takes its lock.
    ///
    /// - Throws: `SettingsError.unwritableFile` where it can't be made or another process holds it.
    package init(path: String) throws(SettingsError) {
        self.path = path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw .unwritableFile(path: path, reason: "the folder can't be made; --data names it")
        }
        descriptor = open("\(path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Self.error(path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw code == EWOULDBLOCK
                ? .unwritableFile(
                    path: path, reason: "another tickline is running on it; stop that or give another --data")
                : Self.error(path)
        }
    }

    deinit { close(descriptor) }

    /// The embedded store's file.
    var database: String { Self.database(in: path) }

    /// The journal's folder.
    var journal: String { Self.journal(in: path) }

    /// The same for a folder that is not held.
    static func journal(in path: String) -> String { "\(path)/journal" }

    /// The store's file in a folder that is not held.
    static func database(in path: String) -> String { "\(path)/tickline.sqlite" }

    private static func error(_ path: String) -> SettingsError {
        .unwritableFile(path: path, reason: "\(String(cString: strerror(errno))); --data names the folder")
    }
}
