import Foundation
import TestSupport
import Testing

/// What libmongoc, which every command is linked with, keeps in shared memory by the process id.
@Suite struct SharedMemoryTests {
    private let folder = try! TemporaryFolder()
    /// The tests' own, in which the library's shared memory may be turned off.
    private let environment = ProcessInfo.processInfo.environment.filter { $0.key != "MONGOC_DISABLE_SHM" }

    private func file(of process: Int32) -> String { "/dev/shm/mongoc-\(process)" }

    @Test func `a killed run leaves nothing in shared memory`() async throws {
        defer { folder.remove() }
        let process = try ServerProcess(
            Tickline.executable,
            [
                "run", "--feed", "simulator=ws://127.0.0.1:1/ws/btcusdt@trade", "--store", "none", "--data",
                folder.path,
                "--collector-http", "127.0.0.1:0", "--processor-http", "127.0.0.1:0", "--trader-http", "127.0.0.1:0",
            ], environment: environment, folder: folder.url, name: "run")
        try await waitUntil("it listens") { process.output.contains("\"role\":\"collector\"") }
        #expect(!FileManager.default.fileExists(atPath: file(of: process.processID)))
        process.stop(SIGKILL)
        #expect(!FileManager.default.fileExists(atPath: file(of: process.processID)))
    }

    @Test func `what a killed process of the same id left there is not heard of`() async throws {
        defer { folder.remove() }
        // What the shell becomes has its process id.
        let process = try ServerProcess(
            "/bin/sh", ["-c", "echo stale > /dev/shm/mongoc-$$ && exec \"$0\" --version", Tickline.executable],
            environment: environment, folder: folder.url, name: "version")
        try await waitUntil("its end") { !process.isRunning }
        #expect(process.stop() == 0)
        #expect(process.output.split(separator: "\n").count == 1, "\(process.output)")
        #expect(!FileManager.default.fileExists(atPath: file(of: process.processID)))
    }
}
