import Foundation
import Journal

extension JournalFolder {
    /// The journal's folder, given that or the data folder around it.
    static func path(fromUser path: String) -> String {
        let inside = DataFolder.journal(in: path)
        return FileManager.default.fileExists(atPath: inside) ? inside : path
    }

    /// Lists a journal that a command was given.
    ///
    /// - Parameter chain: a chain that must be there; nil for any.
    /// - Throws: `SettingsError.unreadableFile` where none is there, `JournalError` where the folder can't be read.
    init(userPath path: String, holding chain: JournalChain? = nil) throws {
        try self.init(path: Self.path(fromUser: path))
        guard !chains.isEmpty || !emptyFiles.isEmpty else {
            throw SettingsError.unreadableFile(
                path: path, reason: "no journal is there; give the --data folder of a run, or its journal folder")
        }
        if let chain, chains[chain] == nil {
            throw SettingsError.unreadableFile(
                path: path, reason: "the journal there has no segment of \(chain); give one that is whole")
        }
    }
}
