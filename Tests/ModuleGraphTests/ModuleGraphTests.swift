import Foundation
import TestSupport
import Testing

@Suite struct ModuleGraphTests {
    /// module → its imports, from the sources.
    static func importsByModule() throws -> [String: Set<String>] {
        var found: [String: Set<String>] = [:]
        for module in try SourceTree.folders(in: "Sources") {
            let files = try SourceTree.files(in: "Sources/\(module)", extensions: ["swift"])
            found[module] = Set(files.flatMap { SourceTree.imports(of: $0.text).map(\.module) })
        }
        return found
    }

    @Test func `every module has a rule`() throws {
        for module in try SourceTree.folders(in: "Sources") where module != ModuleGraph.composition {
            #expect(ModuleGraph.rules[module] != nil, "add \(module) to the table in ModuleGraph.swift")
        }
    }

    @Test func `imports point one way`() throws {
        let ours = Set(try SourceTree.folders(in: "Sources"))
        let modules = try Self.importsByModule()
        #expect(modules.count > 1)
        for (module, imports) in modules {
            guard let rule = ModuleGraph.rules[module] else { continue }
            let forbidden = imports.intersection(ours).subtracting(rule.imports).subtracting([module])
            #expect(forbidden.isEmpty, "\(module) may not import \(forbidden.sorted())")
        }
    }

    @Test func `hot modules do without Foundation`() throws {
        for (module, imports) in try Self.importsByModule() where ModuleGraph.rules[module]?.allowsFoundation == false {
            let found = imports.filter { $0.hasPrefix("Foundation") }
            #expect(found.isEmpty, "\(module) may not import \(found.sorted())")
        }
    }

    @Test func `a module that reads one document with Foundation keeps it to that file`() throws {
        for (module, only) in ModuleGraph.foundationFiles {
            let files = try SourceTree.files(in: "Sources/\(module)", extensions: ["swift"]).filter { file in
                SourceTree.imports(of: file.text).contains { $0.module.hasPrefix("Foundation") }
            }
            #expect(files.map(\.path) == ["Sources/\(module)/\(only)"])
        }
    }

    @Test func `each C target has one Swift importer`() throws {
        let modules = try Self.importsByModule()
        for target in try SourceTree.folders(in: "CSupport") {
            let importers = modules.filter { $0.value.contains(target) }.keys.sorted()
            #expect(importers.count <= 1, "\(target) is imported by \(importers)")
        }
    }

    @Test func `a C target never shows in a public interface`() throws {
        let cTargets = Set(try SourceTree.folders(in: "CSupport"))
        for file in try SourceTree.files(in: "Sources", extensions: ["swift"]) {
            let shown = SourceTree.imports(of: file.text).filter {
                $0.isPublic && cTargets.contains($0.module) && !ModuleGraph.inlinedCTargets.contains($0.module)
            }
            #expect(shown.isEmpty, "\(file.path) re-exports \(shown.map(\.module))")
        }
    }

    @Test func `import statements are read whatever stands around them`() {
        let text = """
            import A
            internal import B
            @testable import C
            public import struct D.Thing
            // import E
            let text = "import F"
              @_exported public import G
            """
        #expect(
            SourceTree.imports(of: text) == [
                .init(module: "A", isPublic: false), .init(module: "B", isPublic: false),
                .init(module: "C", isPublic: false), .init(module: "D", isPublic: true),
                .init(module: "G", isPublic: true),
            ])
    }
}
