import Foundation
import Glibc
import TestSupport
import Testing

/// Requests made to break a parser or to reach files, against a running product.
@Suite(.serialized) struct HostileRequestTests {
    /// Everything a listener may say.
    private static let statuses: Set<Int> = [200, 400, 404, 405, 413, 431, 500, 503, 505]
    private static let requests = 20_000

    private static let corpus: [String] = [
        "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /readyz?verbose=1 HTTP/1.1\r\nHost: localhost:8080\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n",
        "GET /healthcheck HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\nX: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n",
        "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n",
        "GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\nProxy-Connection: keep-alive\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nRange: bytes=0-1,2-3\r\nTE: trailers\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: " + String(repeating: "x", count: 2_000) + "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X-Many: 1\r\n", count: 90) + "\r\n",
        "DELETE /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /metrics\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}",
    ]

    /// What parsers trip over, put in anywhere.
    private static let tokens: [String] = [
        "\r\n", "\n", "\r", "\u{0}", " ", "\t", ":", "\r\n ", "\r\n\r\n", "Content-Length: 7\r\n",
        "Content-Length: -1\r\n",
        "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: \u{B}chunked\r\n", "Host: b\r\n", "HTTP/1.1", "HTTP/0.9",
        "Upgrade: h2c\r\n", "Connection: close, Upgrade\r\n", "ffffffffffffffffffff\r\n", "0\r\n\r\n", "%00", "../",
        "%",
        "é", String(repeating: "A", count: 17_000), String(repeating: "x: y\r\n", count: 120),
    ]

    private static func mutated(_ random: inout SeededRandom) -> [UInt8] {
        var bytes = Array(corpus.randomElement(using: &random)!.utf8)
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            let end = min(bytes.count, at + Int.random(in: 0...20, using: &random))
            switch Int.random(in: 0...5, using: &random) {
            case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 2: bytes.removeSubrange(at..<end)
            case 3: bytes.insert(contentsOf: bytes[at..<end], at: at)
            case 4: bytes.insert(contentsOf: tokens.randomElement(using: &random)!.utf8, at: at)
            default: bytes = Array(bytes[..<at]) + Array(corpus.randomElement(using: &random)!.utf8)
            }
        }
        return bytes
    }

    /// Sends its share of the mutated requests, two on each connection; the statuses of all answers.
    private static func fuzz(_ port: Int, seed: UInt64, requests: Int) throws -> [Int: Int] {
        var random = SeededRandom(seed: seed)
        var statuses: [Int: Int] = [:]
        for _ in 0..<requests / 2 {
            let client = try RawHTTPClient(port: port)
            client.send(mutated(&random) + mutated(&random))
            client.endSending()
            for answer in try client.answersToEnd() { statuses[answer.status, default: 0] += 1 }
        }
        return statuses
    }

    @Test func `mutated requests crash nothing, keep nothing and are answered in HTTP`() async throws {
        let node = try await ReadyNode()
        let memoryBefore = await node.run.metric("process_resident_memory_bytes")
        let seed = UInt64.random(in: 0 ... .max)
        var statuses: [Int: Int] = [:]
        try await withThrowingTaskGroup(of: [Int: Int].self) { group in
            for share in 0..<2 {
                group.addTask {
                    try await onThread {
                        try Self.fuzz(node.port, seed: seed &+ UInt64(share), requests: Self.requests / 2)
                    }
                }
            }
            for try await part in group { statuses.merge(part, uniquingKeysWith: +) }
        }
        #expect(Set(statuses.keys).isSubset(of: Self.statuses), "seed \(seed): \(statuses)")
        // Not one of the two alone: some requests survive their mutations.
        #expect((statuses[200] ?? 0) > 500 && (statuses[400] ?? 0) > 500 && (statuses[431] ?? 0) > 10)
        try await waitUntil("all connections are gone") { await node.run.metric("tickline_http_connections") <= 1 }
        #expect(await node.run.get("/readyz").status == 200)
        let growth = await node.run.metric("process_resident_memory_bytes") - memoryBefore
        let shown = statuses.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        print(
            "figure: H2 seed \(seed): \(Self.requests) mutated requests, 0 crashes; answers \(shown); "
                + "memory grew by \(Int(growth) >> 20) MiB")
        #expect(growth < Double(64 << 20))
        #expect(node.stop() == 0)
    }

    /// Ways to write a path to the canary beside the server's data, to a file everybody may read, or to a page that is there
    /// by another name. `CANARY` stands for the canary's absolute path.
    private static let paths: [String] = [
        "canary.txt", "/canary.txt", "/./canary.txt", "/data/../canary.txt", "../canary.txt", "/../canary.txt",
        "/../../canary.txt", "/..", "/../", "/.", "/./", "//canary.txt", "CANARY", "/CANARY", "//CANARY",
        "file://CANARY",
        "/%2e%2e/canary.txt", "/%2E%2E/canary.txt", "/.%2e/canary.txt", "/%2e/canary.txt", "/..%2fcanary.txt",
        "/..%2Fcanary.txt", "/%2e%2e%2fcanary.txt", "/%2fcanary.txt", "/%252e%252e%252fcanary.txt",
        "/%25252e/canary.txt",
        "/..\\canary.txt", "\\canary.txt", "/..%5ccanary.txt", "/%5c..%5ccanary.txt", "/%c0%ae%c0%ae/canary.txt",
        "/%e0%80%ae%e0%80%ae/canary.txt", "/..%c0%afcanary.txt", "/..%c1%9ccanary.txt", "/%uff0e%uff0e/canary.txt",
        "/canary.txt%00", "/metrics%00canary.txt", "/canary.txt%00.html", "/metrics/../canary.txt",
        "/livez/..%2fcanary.txt",
        "/metrics/", "/Metrics", "/%6detrics", "/metrics;canary.txt", "/metrics%3fcanary.txt", "/etc/passwd",
        "//etc/passwd",
        "/proc/self/environ", "/....//canary.txt", "/..;/canary.txt", "/canary.txt#", "/~root/canary.txt",
        "/data/tickline.sqlite", "http://localhost/canary.txt", "http://localhost/livez", "/.git/config", "/index.html",
    ]

    @Test func `no form of a path reaches a file`() async throws {
        let node = try await ReadyNode()
        let canary = node.folder.url.appendingPathComponent("canary.txt")
        try Data("c4n4ry".utf8).write(to: canary)
        let watch = try FileWatch(canary.path)
        var statuses: [Int: Int] = [:]
        for path in Self.paths {
            let client = try RawHTTPClient(port: node.port)
            client.send("GET \(path.replacing("CANARY", with: canary.path)) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let answer = try client.answer()
            #expect(answer.status == 404 || answer.status == 400, "\(path)")
            #expect(!answer.body.contains("c4n4ry") && !answer.body.contains("root:"), "\(path)")
            statuses[answer.status, default: 0] += 1
        }
        let opened = try watch.events()
        print("figure: H3: \(Self.paths.count) forms of a path, answers \(statuses), files opened \(opened)")
        #expect(Self.paths.count >= 50 && opened == 0)
        #expect(try Data(contentsOf: canary).count == 6)
        #expect(try watch.events() > 0, "the watch sees a file that is opened")
        #expect(node.stop() == 0)
    }
}

/// Counts how often any process opens a file, by inotify(7).
private final class FileWatch {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = inotify_init1(Int32(IN_NONBLOCK))
        try #require(descriptor >= 0 && inotify_add_watch(descriptor, path, UInt32(IN_OPEN | IN_ACCESS)) >= 0)
    }

    deinit { close(descriptor) }

    /// Events since the last call.
    func events() throws -> Int {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = read(descriptor, &buffer, buffer.count)
        try #require(count > 0 || errno == EAGAIN)
        // Watching a file and no folder, each event is its fixed part.
        return max(0, count) / MemoryLayout<inotify_event>.size
    }
}
