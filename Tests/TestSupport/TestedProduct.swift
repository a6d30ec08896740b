import Foundation

/// Which build of the product the tests start, where `TESTED_CONFIGURATION` names one.
public enum TestedProduct {
    /// Why a build can't be tested: nothing it showed would be of these sources.
    public struct Refusal: Error, Equatable, CustomStringConvertible {
        /// One line with the path and the remedy.
        public let description: String
    }

    /// The executable of a configuration's build in the checkout at `root`.
    ///
    /// - Throws: `Refusal` for a configuration there is none of, a build that is not there, and one that is older than the
    ///   newest file it may be made of.
    public static func executable(configuration: String, root: URL) throws -> String {
        guard ["debug", "release"].contains(configuration) else {
            throw Refusal(
                description:
                    "TESTED_CONFIGURATION=\(configuration) is no configuration; give release or debug, or unset it")
        }
        let path = root.appendingPathComponent(".build/\(configuration)/tickline").path
        // A build that has found nothing to do leaves the file as old as it was, though it is of these sources by then.
        let remedy = "swift build -c \(configuration) --product tickline && touch \(path)"
        guard FileManager.default.isExecutableFile(atPath: path), let built = try modified(path) else {
            throw Refusal(description: "TESTED_CONFIGURATION=\(configuration): there is no \(path); run: \(remedy)")
        }
        if let newest = try newestSource(root), newest.modified > built {
            throw Refusal(
                description:
                    "TESTED_CONFIGURATION=\(configuration): \(path) is older than \(newest.path); run: \(remedy)")
        }
        return path
    }

    private static func newestSource(_ root: URL) throws -> (path: String, modified: Date)? {
        var paths = [root.appendingPathComponent("Package.swift").path]
        for folder in ["Sources", "CSupport"] {
            let walk = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
            while let name = walk?.nextObject() as? String {
                // A folder is newer than its files where one was removed.
                paths.append(root.appendingPathComponent("\(folder)/\(name)").path)
            }
        }
        return try paths.compactMap { path in try modified(path).map { (path, $0) } }.max { $0.1 < $1.1 }
    }

    /// When a file was written, the one behind a link where it is one; nil where it is gone.
    private static func modified(_ path: String) throws -> Date? {
        let path = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
    }
}
