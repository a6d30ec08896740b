import Glibc
import SimulatedWorld
import TestSupport
import Testing

/// A real redis-server and the simulated one: both get the same bytes in random pieces, and every reply is compared.
///
/// The simulated one's clock shows for each entry what the real one's showed, or an earlier time where the entry's id
/// shows that the clock has not moved since the entry before it. So equal ids are expected, not similar ones.
final class RedisPair {
    /// Why a run can't go on.
    struct Difference: Error {}

    /// One connection to each server.
    final class Client {
        let descriptor: Int32
        let simulated: Int
        /// Id and address, as each server gives them, in the real one's words first.
        var names: [(id: String, address: String)] = []
        /// The end of a command whose beginning was sent.
        fileprivate var rest: (command: RedisTestCommand, real: [UInt8], simulated: [UInt8])?

        fileprivate init(_ descriptor: Int32, _ simulated: Int) {
            (self.descriptor, self.simulated) = (descriptor, simulated)
        }

        deinit { close(descriptor) }
    }

    private final class Clock {
        var millis: [UInt64] = []
        func next() -> UInt64 { millis.isEmpty ? 0 : millis.removeFirst() }
    }

    let server: RedisServer
    let simulated: SimulatedRedis
    private let clock: Clock
    private(set) var commands = 0
    /// Decides which commands there are.
    var random: SeededRandom
    /// Decides what depends on the real server's moments too, so that those change no later command.
    private var wireRandom: SeededRandom

    init(_ server: RedisServer, seed: UInt64) {
        let clock = Clock()
        (self.server, self.clock) = (server, clock)
        (random, wireRandom) = (SeededRandom(seed: seed), SeededRandom(seed: ~seed))
        simulated = SimulatedRedis(password: server.password) { clock.next() }
    }

    /// Connects to both; with `identified` each is asked for the client's name.
    func connect(identified: Bool = true) throws -> Client {
        let descriptor = try #require(LoopbackSocket.connect(port: server.port))
        LoopbackSocket.setNoDelay(descriptor)
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let client = Client(descriptor, simulated.connect())
        guard identified else { return client }
        let replies = try send([RedisTestCommand("CLIENT", "INFO")], from: client)[0]
        client.names = [replies.real, replies.simulated].map { reply in
            let words = reply.split(whereSeparator: { " \r\n".contains($0) })
            func value(_ name: String) -> String {
                words.first { $0.hasPrefix("\(name)=") }.map { String($0.dropFirst(name.count + 1)) } ?? ""
            }
            return (value("id"), value("addr"))
        }
        return client
    }

    /// Closes both connections.
    func disconnect(_ client: Client) {
        shutdown(client.descriptor, Int32(SHUT_RDWR))
        simulated.disconnect(client.simulated)
    }

    /// Sends commands in random pieces and compares their replies; where `keepsRest`, the last one's end is not sent yet.
    @discardableResult
    func send(
        _ new: [RedisTestCommand], from client: Client, keepsRest: Bool = false
    ) throws -> [(real: String, simulated: String)] {
        var whole = new
        var bytes: [[UInt8]] = [[], []]
        if let rest = client.rest {
            (whole, bytes, client.rest) = ([rest.command] + new, [rest.real, rest.simulated], nil)
        }
        for command in new { for side in 0...1 { bytes[side] += command.bytes(side) } }
        if keepsRest, let last = new.last {
            let count = Int.random(in: 1..<min(last.bytes(0).count, last.bytes(1).count), using: &random)
            client.rest = (last, bytes[0].suffix(count), bytes[1].suffix(count))
            for side in 0...1 { bytes[side].removeLast(count) }
            whole.removeLast()
        }
        let real = try realReplies(to: bytes[0], count: whole.count, from: client)
        for (command, reply) in zip(whole, real) { setClock(command, reply) }
        var received: [UInt8] = []
        for piece in pieces(bytes[1]) { received += simulated.receive(piece, from: client.simulated) }
        let answered = RESPReplies.cut(&received)
        commands += whole.count
        for (index, command) in whole.enumerated() {
            let ours = index < answered.count ? answered[index] : "nothing"
            guard command.comparable(real[index]) != command.comparable(ours) else { continue }
            Issue.record(
                "command \(commands), \(command.words): real \(real[index].debugDescription), \(ours.debugDescription)")
            throw Difference()
        }
        #expect(received.isEmpty && answered.count == whole.count && clock.millis.isEmpty)
        return zip(real, answered).map { ($0, $1) }
    }

    private func realReplies(to bytes: [UInt8], count: Int, from client: Client) throws -> [String] {
        for piece in pieces(bytes) {
            let sent = Glibc.send(client.descriptor, piece, piece.count, Int32(MSG_NOSIGNAL))
            try #require(sent == piece.count)
        }
        var received: [UInt8] = []
        var replies: [String] = []
        while replies.count < count {
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let taken = recv(client.descriptor, &buffer, buffer.count, 0)
            try #require(taken > 0, "the real server has ended the connection")
            received += buffer[..<taken]
            replies += RESPReplies.cut(&received)
        }
        return replies
    }

    /// Whether the real server has ended this connection.
    func isEnded(_ client: Client) -> Bool {
        var byte: UInt8 = 0
        return recv(client.descriptor, &byte, 1, 0) <= 0
    }

    private func pieces(_ bytes: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(
                Int.random(in: 1...(Bool.random(using: &wireRandom) ? 20 : 2_000), using: &wireRandom))
            pieces.append(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }

    private func setClock(_ command: RedisTestCommand, _ reply: String) {
        let lines = reply.split(separator: "\r\n")
        switch command.words[0] {
        case "XADD", "EVALSHA":
            guard reply.hasPrefix("$"), let dash = lines[1].firstIndex(of: "-"), let millis = UInt64(lines[1][..<dash])
            else { return }
            // Not the first of its millisecond: a clock that has not moved, or was set back, gives the same.
            let isSame = lines[1][dash...] != "-0"
            clock.millis.append(millis - (isSame ? UInt64.random(in: 0...5_000, using: &wireRandom) : 0))
        case "TIME":
            guard lines.count == 5, let seconds = UInt64(lines[2]), let micros = UInt64(lines[4]) else { return }
            clock.millis.append(seconds * 1_000 + micros / 1_000)
        default: return
        }
    }
}

/// Cuts received bytes into whole replies.
enum RESPReplies {
    /// Takes the whole replies off the beginning.
    static func cut(_ bytes: inout [UInt8]) -> [String] {
        var replies: [String] = []
        var start = 0
        while let end = end(bytes, start) {
            replies.append(String(decoding: bytes[start..<end], as: UTF8.self))
            start = end
        }
        bytes.removeFirst(start)
        return replies
    }

    private static func end(_ bytes: [UInt8], _ start: Int) -> Int? {
        guard start < bytes.count, let line = bytes[start...].firstIndex(of: 0x0A) else { return nil }
        let count = Int(String(decoding: bytes[(start + 1)..<(line - 1)], as: UTF8.self)) ?? 0
        switch bytes[start] {
        case UInt8(ascii: "$"):
            let end = line + 1 + (count < 0 ? 0 : count + 2)
            return end <= bytes.count ? end : nil
        case UInt8(ascii: "*"):
            var at = line + 1
            for _ in 0..<max(0, count) {
                guard let next = end(bytes, at) else { return nil }
                at = next
            }
            return at
        default: return line + 1
        }
    }
}
