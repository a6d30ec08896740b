import SimulatedWorld
import TestSupport

@testable import RedisStreams

/// Draws commands as the publisher, the trimmer and the stream's reader send them, with some wrong ones among them.
struct RandomRedisCommands {
    static let keys = ["signals", "other"]
    /// Fewer than a listed hash's fields, so that `HSCAN` has an order to compare.
    static let identifiers = 400

    /// The next command; ranges and trims are about the entries that are there.
    func next(_ redis: SimulatedRedis, database: Int, _ random: inout SeededRandom) -> RedisTestCommand {
        let key = Int.random(in: 0..<8, using: &random) == 0 ? "other" : "signals"
        let hash = "{\(key)}:ids"
        let identifier = "binance:BTCUSDT:sma-2-4:\(Int.random(in: 0..<Self.identifiers, using: &random))"
        let entries = redis.entries(of: key, database: database)
        let count = "\(Int.random(in: 1...50, using: &random))"
        var id: String { entries.randomElement(using: &random)?.id.description ?? "1-1" }
        var bound: String { [id, "(\(id)", "5-0", "9999999999999-0"].randomElement(using: &random) ?? id }
        let words: [String] =
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<25: ["XADD", key, "*"] + fields(&random)
            case 25..<45: ["EVALSHA", PublishScript.publish.sha1, "2", key, hash, identifier] + fields(&random)
            case 45..<53: ["EVALSHA", PublishScript.putBack.sha1, "2", key, hash, identifier] + fields(&random)
            case 53..<57: ["SCRIPT", "LOAD", PublishScript.publish.text]
            case 57..<60: ["SCRIPT", "LOAD", PublishScript.putBack.text]
            case 60..<64: ["XREVRANGE", key, Bool.random(using: &random) ? "+" : bound, "-", "COUNT", count]
            case 64..<67: ["XRANGE", key, bound, bound, "COUNT", count]
            case 67: ["XRANGE", key, "-", "+", "COUNT", count]
            case 68: ["XINFO", "GROUPS", key]
            case 69..<73: ["XINFO", "STREAM", key]
            case 73: ["XLEN", key]
            case 74: ["XPENDING", key, "group"]
            case 75: ["XTRIM", key, "MAXLEN", "\(max(0, entries.count - Int.random(in: -2...5, using: &random)))"]
            case 76: ["XTRIM", key, "MINID", entries.prefix(5).randomElement(using: &random)?.id.description ?? "7-7"]
            case 77..<80: ["XDEL", key, id, id, "3-3"]
            case 80..<83: ["HGET", hash, identifier]
            case 83..<85: ["HDEL", hash, identifier]
            case 85..<87: ["HSCAN", hash, "0", "COUNT", "1000"]
            case 87..<89: ["TIME"]
            case 89: ["HELLO", "2"]
            case 90: ["CLIENT", "INFO"]
            case 91: ["CLIENT", "KILL", "ID", "987654321", "ADDR", "127.0.0.1:1"]
            default: Self.refused.randomElement(using: &random) ?? []
            }
        return RedisTestCommand(words)
    }

    /// What every server refuses, and what empties a stream or looks at none.
    static let refused: [[String]] = [
        ["AUTH", "secret"], ["AUTH", "default", "secret"], ["AUTH", "somebody", "secret"], ["SELECT", "16"],
        ["SELECT", "one"], ["XADD", "signals", "*", "name"], ["XADD", "signals", "*", "name", "value", "name"],
        ["XLEN"],
        ["XLEN", "none"], ["XINFO", "STREAM"], ["XINFO", "STREAM", "none"], ["XINFO", "GROUPS", "none"], ["XINFO"],
        ["XRANGE", "signals", "one", "+", "COUNT", "1"], ["XREVRANGE", "signals", "+", "(-", "COUNT", "1"],
        ["XRANGE", "signals", "-", "+", "COUNT", "one"], ["XREVRANGE", "none", "+", "-", "COUNT", "1"],
        ["XTRIM", "signals", "MINID", "one"], ["XTRIM", "signals", "MAXLEN", "one"], ["XTRIM", "other", "MAXLEN", "0"],
        ["XTRIM", "none", "MAXLEN", "1"], ["XDEL", "signals", "one"], ["XDEL", "none", "1-1"], ["HGET", "none", "one"],
        ["HSCAN", "none", "0", "COUNT", "9"], ["HSCAN", "none", "one", "COUNT", "9"], ["HDEL", "none", "one"],
        ["CLIENT"], ["client", "KILL", "ID", "0", "ADDR", "127.0.0.1:1"], ["CLIENT", "UNHEARD"], ["SCRIPT", "UNHEARD"],
        ["EVALSHA", "0000", "2", "signals", "ids", "one", "name", "value"], ["UNHEARD"],
        ["unheard", "of\r\n", String(repeating: "long", count: 50), "never"],
        ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"],
    ]

    private func fields(_ random: inout SeededRandom) -> [String] {
        (0..<Int.random(in: 1...14, using: &random)).flatMap { index in
            let texts = [
                "BUY", "61826.00000000", "", "two\r\nlines", "µ → ∞", String(repeating: "0123456789", count: 12),
            ]
            return ["name\(index)", texts.randomElement(using: &random) ?? ""]
        }
    }
}
