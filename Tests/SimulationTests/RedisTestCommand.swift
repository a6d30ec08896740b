@testable import RedisStreams

/// A command for both servers, and what of its reply must agree.
struct RedisTestCommand {
    let words: [String]
    /// The words for the simulated server where those differ: ids and addresses of clients.
    private let simulatedWords: [String]

    init(_ words: String...) { self.init(words) }

    init(_ words: [String], simulated: [String]? = nil) { (self.words, simulatedWords) = (words, simulated ?? words) }

    /// `CLIENT KILL` of a client, as each server knows it.
    init(killing names: [(id: String, address: String)]) {
        let words = names.map { ["CLIENT", "KILL", "ID", $0.id, "ADDR", $0.address] }
        self.init(words[0], simulated: words[1])
    }

    /// The bytes for the real (0) or the simulated (1) server.
    func bytes(_ side: Int) -> [UInt8] { RedisConnection.command(side == 0 ? words : simulatedWords) }

    /// A reply without what may differ.
    func comparable(_ reply: String) -> String {
        guard !reply.hasPrefix("-") else { return reply }
        var lines = reply.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
        switch words.prefix(2).joined(separator: " ") {
        case "HELLO 2": lines[14] = "client's id"
        case "TIME": (lines[3], lines[4]) = ("length", "\((Int(lines[4]) ?? 0) / 1_000) ms")
        case "XINFO STREAM": (lines[6], lines[9]) = ("nodes' sizes", "nodes")
        case "CLIENT INFO":
            // Names and order of all values, but not what belongs to one machine or moment.
            let differing = [
                "id", "addr", "laddr", "fd", "age", "idle", "qbuf", "qbuf-free", "argv-mem", "rbs", "rbp", "obl", "oll",
                "omem", "tot-mem",
            ]
            lines[0] = "length"
            lines[1] = lines[1].split(separator: " ").map { word in
                let name = String(word.prefix { $0 != "=" })
                return differing.contains(name) ? name : String(word)
            }.joined(separator: " ")
        default: break
        }
        return lines.joined(separator: "\r\n")
    }
}
