import Foundation
import TestSupport

/// The files of the checkout, as the tidy checks see them.
enum SourceTree {
    struct File {
        /// Path below the repository's root.
        let path: String
        let text: String
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    }

    /// All files below `folder` with one of the extensions, sorted; build folders are left out.
    static func files(in folder: String, extensions: Set<String>) throws -> [File] {
        let root = Repository.root.appendingPathComponent(folder)
        guard let walk = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil) else { return [] }
        var found: [File] = []
        for case let url as URL in walk {
            if url.lastPathComponent.hasPrefix(".build") { walk.skipDescendants() }
            guard extensions.contains(url.pathExtension) else { continue }
            let path = String(url.path.dropFirst(Repository.root.path.count + 1))
            found.append(File(path: path, text: try String(contentsOf: url, encoding: .utf8)))
        }
        return found.sorted { $0.path < $1.path }
    }

    /// The names of the folders directly below `folder`.
    static func folders(in folder: String) throws -> [String] {
        let root = Repository.root.appendingPathComponent(folder)
        return try FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: [.isDirectoryKey])
            .filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
            .map(\.lastPathComponent).sorted()
    }

    /// One import statement: the module, and whether it is re-exported to importers of this file.
    struct Import: Hashable {
        let module: String
        let isPublic: Bool
    }

    /// The import statements of Swift source.
    static func imports(of text: String) -> [Import] {
        text.split(separator: "\n").compactMap { line in
            let words = line.prefix { $0 != ";" }.split(whereSeparator: { " \t".contains($0) })
            guard let position = words.firstIndex(of: "import"), position + 1 < words.count,
                words[..<position].allSatisfy({
                    $0.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains($0)
                })
            else { return nil }
            // `import struct Module.Name` names its kind first.
            let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
            var target = words[position + 1]
            if kinds.contains(target), position + 2 < words.count { target = words[position + 2] }
            return Import(module: String(target.prefix { $0 != "." }), isPublic: words[..<position].contains("public"))
        }
    }
}
