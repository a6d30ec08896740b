import Foundation
import TestSupport
import Testing

/// A password is in nothing that the product prints or serves, whichever way it was given.
@Suite(.serialized) struct SecretTests {
    private let folder = try! TemporaryFolder()
    private static let canary = "canary7531"
    private static let redis = "redis://:\(canary)@127.0.0.1:1"
    private static let mongo = "mongodb://user:\(canary)@127.0.0.1:1/?serverSelectionTimeoutMS=200"
    private static let proxy = "http://user:\(canary)@127.0.0.1:1"

    private func file(_ name: String, _ text: String) throws -> String {
        let url = folder.url.appendingPathComponent(name)
        try Data(text.utf8).write(to: url)
        return url.path
    }

    enum Way: String, CaseIterable, Sendable { case flags, variables, files, yaml }

    /// Flags and variables that give the four secrets.
    private func given(_ way: Way) throws -> (flags: [String], environment: [String: String]) {
        switch way {
        case .flags:
            return (
                [
                    "--redis", Self.redis, "--mongo", Self.mongo, "--proxy", Self.proxy, "--trading-token", Self.canary,
                ], [:]
            )
        case .variables:
            return (
                [],
                [
                    "REDIS_URL": Self.redis, "MONGO_URI": Self.mongo, "TICKLINE_PROXY": Self.proxy,
                    "TICKLINE_TRADING_TOKEN": Self.canary,
                ]
            )
        case .files:
            return (
                [],
                [
                    "TICKLINE_REDIS_FILE": try file("redis", Self.redis + "\n"),
                    "MONGO_URI_FILE": try file("mongo", Self.mongo),
                    "TICKLINE_PROXY_FILE": try file("proxy", Self.proxy),
                    "TICKLINE_TRADING_TOKEN_FILE": try file("token", Self.canary),
                ]
            )
        case .yaml:
            let text = """
                redis: {url: "\(Self.redis)"}
                mongo: {uri: "\(Self.mongo)"}
                connection: {proxy: "\(Self.proxy)"}
                trading: {token: \(Self.canary)}
                """
            return (["--config", try file("tickline.yaml", text)], [:])
        }
    }

    @Test(arguments: Way.allCases) func `a password is in no output, page, file or printed setting`(way: Way)
        async throws
    {
        defer { folder.remove() }
        let (flags, environment) = try given(way)
        let run = try RunningTickline(
            ["--feed", "ws://127.0.0.1:1/ws/a@trade", "--log-level", "debug"] + flags, environment: environment,
            folder: folder.url)
        try await waitUntil("tried everything") {
            let body = await run.get("/readyz").body
            return body.contains("store unavailable") && run.process.output.contains("Redis is not usable")
                && body.contains("feed:")
        }
        var seen = ["/metrics", "/readyz", "/livez", "/healthcheck"].map { _ in "" }
        for (index, path) in ["/metrics", "/readyz", "/livez", "/healthcheck"].enumerated() {
            seen[index] = await run.get(path).body
        }
        let commandLine = try String(contentsOfFile: "/proc/\(run.process.processID)/cmdline", encoding: .utf8)
        #expect(commandLine.contains(Self.canary) == (way == .flags))
        #expect(run.process.stop() == 0)
        let warnings = run.process.output.split(separator: "\n").filter { $0.contains("process list") }
        #expect(warnings.count == (way == .flags ? 4 : 0))
        seen.append(run.process.output)
        seen.append(try String(contentsOf: folder.url.appendingPathComponent("run.json"), encoding: .utf8))
        let config = try Tickline.run(["config"] + flags, environment: environment)
        #expect(config.status == 0 && config.output.contains("# url: redis://***@127.0.0.1:1"))
        #expect(config.output.contains("# uri: mongodb://***@127.0.0.1:1"))
        seen += [config.output, config.error]
        let hits = seen.filter { $0.contains(Self.canary) }.count
        #expect(hits == 0)
        print("figure: \(hits) of \(seen.count) outputs hold the password given by \(way.rawValue)")
    }

    static let malformed: [(setting: String, value: String)] = [
        ("redis", "http://u:\(canary)@h"), ("redis", "redis://u:\(canary)@h:port"), ("redis", "u:\(canary)@h:1"),
        ("redis", "redis://u:%zz\(canary)@h"), ("redis", "redis://u:\(canary)@h/db"), ("redis", canary + "@h:x"),
        ("redis", "unix://x?password=\(canary)"), ("redis", "redis://u:\(canary)@/x@:y"),
        ("redis", "rediss://u:\(canary)@"), ("redis", "redis+sentinel://u:\(canary)@h:1"),
        ("redis", "redis+sentinel://h:x/m?sentinelPassword=\(canary)"),
        ("mongo", "http://u:\(canary)@h"), ("mongo", "mongodb://u:\(canary)@"), ("mongo", "u:\(canary)@h:1"),
        ("mongo", "mongodb://u:\(canary)@h:port"), ("mongo", "mongodb://u:a/\(canary)@h"),
        ("mongo", "mongodb://u:p@h/?authMechanismProperties=\(canary)&x=%"), ("mongo", "mongodb://\(canary)@h:port"),
        ("proxy", "ftp://u:\(canary)@h"), ("proxy", canary), ("proxy", "http://u:\(canary) @h"),
        ("feed", "wss://u:\(canary)@h/ws/a@trade"), ("feed", "wss//u:\(canary)@h/ws/a@trade"),
    ]

    @Test(arguments: malformed) func `a refusal never shows the password`(setting: String, value: String) throws {
        defer { folder.remove() }
        let path = try file("secret", value)
        let variable = "TICKLINE_\(setting.uppercased())"
        let store = setting == "mongo" ? "mongo" : "none"
        var runs = [
            try Tickline.run(["run", "--store", store, "--duration", "1s", "--\(setting)", value]),
            try Tickline.run(["config"], environment: [variable: value]),
        ]
        if setting != "feed" { runs.append(try Tickline.run(["config"], environment: ["\(variable)_FILE": path])) }
        #expect(runs[0].status == 78, "\(runs[0].error)")
        for run in runs {
            #expect(!(run.output + run.error).contains(Self.canary), "\(run.error)")
            #expect(run.error.split(separator: "\n").count <= 1, "\(run.error)")
        }
    }

    @Test func `secret files that can't be taken are refused with the variable that names them`() throws {
        defer { folder.remove() }
        let lines = "redis://:\(Self.canary)@h\nredis://:\(Self.canary)@h\n"
        let large = "redis://:" + String(repeating: Self.canary, count: 2_000) + "@h"
        let cases: [(environment: [String: String], says: String)] = [
            (
                ["TICKLINE_REDIS_FILE": "/no/such"],
                "cannot read /no/such: No such file or directory; TICKLINE_REDIS_FILE"
            ),
            (["MONGO_URI_FILE": folder.path], "Is a directory; MONGO_URI_FILE names it"),
            (["REDIS_URL_FILE": try file("two", lines)], "it must hold one line, the value of REDIS_URL"),
            (["REDIS_ADDR_FILE": try file("none", "\n")], "it must hold one line, the value of REDIS_ADDR"),
            (["REDIS_URL_FILE": try file("large", large)], "larger than 16384 bytes; REDIS_URL_FILE names it"),
            (
                ["REDIS_URL_FILE": try file("one", "redis://h"), "REDIS_URL": Self.redis],
                "REDIS_URL and REDIS_URL_FILE are both set; keep one of them"
            ),
        ]
        for (environment, says) in cases {
            let (status, output, error) = try Tickline.run(["run"], environment: environment)
            #expect(status == 78 && error.contains(says), "\(error)")
            #expect(error.split(separator: "\n").count == 1 && output.isEmpty && !error.contains(Self.canary))
        }
        let taken = try Tickline.run(
            ["config"], environment: ["REDIS_URL_FILE": try file("crlf", "redis://host:1\r\n")])
        #expect(taken.status == 0 && taken.output.contains("  url: redis://host:1  # REDIS_URL_FILE\n"))
    }
}
