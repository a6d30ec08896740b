import Foundation

/// The product's own executable, as the tests' build made it.
public enum Tickline {
    /// `.build/<configuration>/tickline`, beside the test bundle; with `TESTED_CONFIGURATION=release` in the environment the
    /// one that is shipped, which `scripts/test` has built. Its figures are the product's. Where that can't be tested the
    /// tests end with a line that says why.
    public static let executable: String = {
        guard let configuration = ProcessInfo.processInfo.environment["TESTED_CONFIGURATION"] else {
            return executable(named: "tickline")
        }
        do { return try TestedProduct.executable(configuration: configuration, root: Repository.root) } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            exit(78)
        }
    }()

    /// Another executable of the package, beside the test bundle.
    public static func executable(named name: String) -> String {
        // The running bundle is .build/<configuration>/ticklinePackageTests.xctest.
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let candidates = [bundle, Repository.root.appendingPathComponent(".build/debug")]
        let found = candidates.map { $0.appendingPathComponent(name).path }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
        return found ?? candidates[1].appendingPathComponent(name).path
    }

    /// Runs a command to its end and returns its exit status and output.
    ///
    /// - Parameter script: for Bash, with the command as `"$@"`.
    public static func run(
        _ arguments: [String], environment: [String: String] = [:], executable name: String = "tickline",
        inShell script: String? = nil
    ) throws -> (status: Int32, output: String, error: String) {
        let process = Process()
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        // Files, not pipes: a full pipe would stop the command.
        let (output, error) = (folder.url.appendingPathComponent("out"), folder.url.appendingPathComponent("err"))
        for file in [output, error] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
        let path = name == "tickline" ? executable : executable(named: name)
        process.executableURL = URL(fileURLWithPath: script == nil ? path : "/bin/bash")
        process.arguments = script.map { ["-c", $0, "bash", path] + arguments } ?? arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: error)
        process.standardInput = FileHandle.nullDevice
        try process.runUnmasked()
        process.waitUntilExit()
        return (
            process.terminationStatus, try String(contentsOf: output, encoding: .utf8),
            try String(contentsOf: error, encoding: .utf8)
        )
    }
}

/// A running `tickline simulate` on a free port.
public final class RunningSimulator: Sendable {
    /// The process.
    public let process: ServerProcess
    /// Where it listens.
    public let port: Int

    /// Starts it with `arguments` and waits until it listens; output goes to `folder/name.log`.
    public init(_ arguments: [String], folder: URL, name: String = "simulate") async throws {
        let process = try ServerProcess(
            Tickline.executable, ["simulate", "--listen", "127.0.0.1:0"] + arguments, folder: folder, name: name)
        let prefix = "serving ws://127.0.0.1:"
        try await waitUntil("the simulator listens", timeout: .seconds(60)) { process.output.contains(prefix) }
        let text = process.output
        let start = text.range(of: prefix)!.upperBound
        port = Int(text[start...].prefix { $0.isNumber })!
        self.process = process
    }
}

/// A running `tickline run` with listeners on free ports.
public final class RunningTickline: Sendable {
    /// The process.
    public let process: ServerProcess
    /// The collector's port, once it listens; `/metrics` and `/readyz` are there.
    public var collectorPort: Int? { port(of: "collector") }

    /// The port of one of `collector`, `processor` and `trader`, once it listens.
    public func port(of role: String) -> Int? {
        let line = process.output.split(separator: "\n").first { $0.contains("\"role\":\"\(role)\"") }
        guard let line, let start = line.range(of: "\"port\":\"") else { return nil }
        return Int(line[start.upperBound...].prefix { $0.isNumber })
    }

    /// Starts `tickline run` with `arguments` behind the listeners' flags; output goes to `folder/name.log`.
    ///
    /// - Parameters:
    ///   - environment: variables added to the tests' own.
    ///   - data: the data folder's name in `folder`; runs of one test share it only where they say so.
    ///   - launcher: a command that runs the rest of its arguments, such as one that changes what the process sees of the
    ///     machine.
    public init(
        _ arguments: [String], environment: [String: String] = [:], folder: URL, name: String = "run",
        data: String? = nil, launcher: [String] = []
    ) throws {
        let command = launcher + [Tickline.executable]
        let data = folder.appendingPathComponent(data ?? (name == "run" ? "data" : "data-\(name)")).path
        process = try ServerProcess(
            command[0],
            command.dropFirst() + [
                "run", "--collector-http", "127.0.0.1:0", "--processor-http", "127.0.0.1:0",
                "--trader-http", "127.0.0.1:0", "--data", data,
                "--summary-json", folder.appendingPathComponent("\(name).json").path,
            ] + arguments, environment: ProcessInfo.processInfo.environment.merging(environment) { $1 },
            folder: folder, name: name)
    }

    /// Starts `tickline run` with no flag at all and exactly this environment; output goes to `folder/name.log`.
    public init(environment: [String: String], folder: URL, name: String = "run") throws {
        process = try ServerProcess(
            Tickline.executable, ["run"], environment: environment, folder: folder, name: name)
    }

    /// The body of a path of the collector's listener, or of another one's, with its status; 0 where nobody answers yet.
    public func get(_ path: String, port: Int? = nil) async -> (status: Int, body: String) {
        guard let port = port ?? collectorPort, let url = URL(string: "http://127.0.0.1:\(port)\(path)"),
            let (data, response) = try? await HTTPClient.get(url)
        else { return (0, "") }
        return (response, String(decoding: data, as: UTF8.self))
    }

    /// The sum of a metric's series whose labels contain `labels`; 0 before the first scrape succeeds.
    public func metric(_ name: String, labels: String = "") async -> Double {
        await scrapedMetric(name, labels: labels) ?? 0
    }

    /// The same; nil where nobody answers.
    public func scrapedMetric(_ name: String, labels: String = "") async -> Double? {
        let answer = await get("/metrics")
        guard answer.status == 200 else { return nil }
        let lines = answer.body.split(separator: "\n")
        return lines.filter { $0.hasPrefix(name + "{") || $0.hasPrefix(name + " ") }
            .filter { labels.isEmpty || $0.contains(labels) }
            .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
    }
}

/// One GET over a plain socket by curl, which every machine that builds Tickline has the library of.
enum HTTPClient {
    static func get(_ url: URL) async throws -> (Data, Int) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["curl", "-s", "-m", "5", "-w", "\n%{http_code}", url.absoluteString]
        process.standardOutput = pipe
        try process.runUnmasked()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0, let newline = data.lastIndex(of: 0x0A),
            let status = Int(String(decoding: data[data.index(after: newline)...], as: UTF8.self))
        else { throw ConditionTimeout(description: "no answer from \(url)") }
        return (data[..<newline], status)
    }
}
