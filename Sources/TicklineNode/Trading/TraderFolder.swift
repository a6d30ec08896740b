import Digests
import Foundation
import Glibc

/// The folder a trader keeps its name and, without MongoDB, its orders in; held by a lock, so that no two traders of one name run.
struct TraderFolder: Sendable {
    private let folder: DataFolder
    /// The trader's name: its consumer in the group, and the lease's holder.
    let name: String

    /// Makes or finds the folder and the name in it, which stays the same over restarts: what a killed trader was handed is its
    /// successor's own.
    ///
    /// - Throws: `SettingsError.unwritableFile`.
    init(data: String) throws(SettingsError) {
        let path = Self.path(in: data)
        folder = try DataFolder(path: path)
        let file = URL(fileURLWithPath: "\(path)/consumer")
        if let text = try? String(contentsOf: file, encoding: .utf8), Self.isName(text) {
            name = text
            return
        }
        let host = ProcessInfo.processInfo.hostName.prefix(40).map { $0.isASCII && !$0.isWhitespace ? $0 : "-" }
        name = "tickline-\(String(host))-" + String(SecureRandom.number() >> 32, radix: 16)
        do { try Data(name.utf8).write(to: file, options: .atomic) } catch {
            throw .unwritableFile(path: file.path, reason: error.localizedDescription)
        }
    }

    private static func isName(_ text: String) -> Bool {
        text.hasPrefix("tickline-") && text.utf8.count <= 100 && text.allSatisfy { $0.isASCII && !$0.isWhitespace }
    }

    /// The folder in a data folder.
    static func path(in data: String) -> String { "\(data)/trader" }

    /// The orders' file in a data folder.
    static func database(in data: String) -> String { "\(path(in: data))/trading.sqlite" }
}
