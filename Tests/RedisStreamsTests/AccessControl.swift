import TestSupport

@testable import RedisStreams

/// The Redis user README.md describes: with the commands and keys that are needed and no others.
enum AccessControl {
    static let user = "tickline"
    static let password = "se:cr@t"

    /// What publishing needs.
    static func commands(_ mode: PublishMode) -> [String] {
        let shared = ["xadd", "xrevrange", "xinfo|stream", "client|info", "client|kill"]
        return mode == .append ? shared : shared + ["evalsha", "script|load", "hget", "hset", "xrange"]
    }

    /// What trimming needs beside it.
    static func trimCommands(_ mode: PublishMode) -> [String] {
        let shared = ["xlen", "xinfo|groups", "xpending", "xtrim", "xrange", "time"]
        return mode == .append ? shared : shared + ["hscan", "hdel"]
    }

    static func url(_ server: RedisServer) -> String {
        "redis://\(user):se%3Acr%40t@127.0.0.1:\(server.port)"
    }

    /// Makes the user anew with these commands alone.
    static func allow(_ commands: [String], _ probe: Probe) throws {
        try probe.call(
            ["ACL", "SETUSER", user, "reset", "on", ">\(password)", "~signals", "~{signals}:ids", "-@all"]
                + commands.map { "+\($0)" })
    }
}
