import Foundation
import TestSupport
import Testing

/// What `TESTED_CONFIGURATION` may name, in a checkout made for it.
@Suite struct TestedProductTests {
    private let folder = try! TemporaryFolder("tickline-checkout")
    private var product: String { folder.path + "/.build/release/tickline" }

    private func write(_ path: String, secondsOld: Double, permissions: Int = 0o644) throws {
        let folder = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let attributes: [FileAttributeKey: Any] = [
            .posixPermissions: permissions, .modificationDate: Date(timeIntervalSinceNow: -secondsOld),
        ]
        #expect(FileManager.default.createFile(atPath: path, contents: Data()))
        try FileManager.default.setAttributes(attributes, ofItemAtPath: path)
    }

    private func age(_ path: String, seconds: Double) throws {
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -seconds)], ofItemAtPath: path)
    }

    /// What is said; empty where the build is taken.
    private func refusal(_ configuration: String) throws -> String {
        do {
            #expect(try TestedProduct.executable(configuration: configuration, root: folder.url) == product)
            return ""
        } catch let refusal as TestedProduct.Refusal { return refusal.description }
    }

    @Test func `a build of these sources is taken, any other refused with its path and the remedy`() throws {
        defer { folder.remove() }
        try write(folder.path + "/Package.swift", secondsOld: 100)
        for source in ["Sources/tickline/Tickline.swift", "CSupport/CJournal/journal.c"] {
            try write("\(folder.path)/\(source)", secondsOld: 100)
        }
        for name in ["Sources/tickline", "CSupport/CJournal"] { try age("\(folder.path)/\(name)", seconds: 100) }
        #expect(try refusal("relase").contains("TESTED_CONFIGURATION=relase is no configuration"))
        #expect(try refusal("release").contains("there is no \(product); run: swift build -c release"))
        try write(product, secondsOld: 50)
        #expect(try refusal("release").contains("there is no \(product)"), "it can't be started")
        try write(product, secondsOld: 50, permissions: 0o755)
        #expect(try refusal("release").isEmpty)
        for newer in [
            "Package.swift", "Sources/tickline/Tickline.swift", "CSupport/CJournal/journal.c", "Sources/tickline",
        ] {
            let path = "\(folder.path)/\(newer)"
            try age(path, seconds: 10)
            #expect(try refusal("release").contains("\(product) is older than \(path); run: swift build -c release"))
            try age(path, seconds: 100)
        }
        #expect(try refusal("release").isEmpty)
    }
}
