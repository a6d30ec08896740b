import FeedHandler
import TestSupport
import Testing

/// Hands bytes to a session as a socket would, past its handshake.
struct SessionUnderTest: ~Copyable {
    /// What a session made of some bytes; payloads are copied.
    enum Event: Equatable {
        case text([UInt8])
        case binary([UInt8])
        case ping
        case pong
        case close(UInt16?)
        case violation(WebSocketViolation)
    }

    private var session: WebSocketSession

    init(most: Int = 1 << 20, acceptsBinary: Bool = true) throws {
        session = WebSocketSession(mostMessageBytes: most, acceptsBinary: acceptsBinary)
        // Twice: a second connection uses the same memory.
        for _ in 1...2 {
            let isQueued = session.begin(host: "h", target: "/")
            #expect(isQueued)
        }
    }

    /// Takes `bytes` in reads of `size`.
    mutating func events(of bytes: [UInt8], reads size: Int) -> [Event] {
        var events: [Event] = []
        var start = 0
        while start < bytes.count {
            let part = bytes[start..<min(bytes.count, start + size)]
            session.writableTail().copyBytes(from: part)
            session.didReceive(part.count)
            start += part.count
            while let event = next() { events.append(event) }
        }
        return events
    }

    private mutating func next() -> Event? {
        switch session.next() {
        case .none: nil
        case .message(let message, true): .text(Array(message))
        case .message(let message, false): .binary(Array(message))
        case .ping: .ping
        case .pong: .pong
        case .close(let status): .close(status.code)
        case .violation(let violation): .violation(violation)
        }
    }
}

@Suite struct WebSocketSessionTests {
    /// A stream of every kind of frame: fragments with control frames between them, all length forms, characters of all
    /// lengths across fragments.
    private static let conversation: (bytes: [UInt8], events: [SessionUnderTest.Event]) = {
        let text = Array("κόσμε – 𝔘nicode \u{10FFFF}".utf8)
        let long = [UInt8](repeating: 0x61, count: 300)
        let bytes =
            FrameBytes.text("plain") + FrameBytes.frame(1, Array(text[..<1]), isFinal: false)
            + FrameBytes.frame(9, [1, 2, 3]) + FrameBytes.frame(0, Array(text[1..<12]), isFinal: false)
            + FrameBytes.frame(10, []) + FrameBytes.frame(0, [], isFinal: false)
            + FrameBytes.frame(0, Array(text[12...])) + FrameBytes.frame(2, [0xFF, 0xFE])
            + FrameBytes.frame(2, [0xFF], isFinal: false) + FrameBytes.frame(0, long)
            + FrameBytes.frame(8, [0x03, 0xE8] + Array("bye".utf8))
        return (
            bytes,
            [
                .text(Array("plain".utf8)), .ping, .pong, .text(text), .binary([0xFF, 0xFE]), .binary([0xFF] + long),
                .close(1000),
            ]
        )
    }()

    @Test func `reads the same from a stream in parts of any size, one byte at a time included`() throws {
        var differences = 0
        for size in 1...Self.conversation.bytes.count {
            var session = try SessionUnderTest()
            let events = session.events(of: Self.conversation.bytes, reads: size)
            if events != Self.conversation.events { differences += 1 }
        }
        print("E5: \(Self.conversation.bytes.count) ways to split a stream, \(differences) differences")
        #expect(differences == 0)
    }

    @Test(
        arguments: [
            (FrameBytes.frame(1, [0xC3]), .invalidUTF8), (FrameBytes.frame(1, [0xC0, 0x80]), .invalidUTF8),
            (FrameBytes.frame(1, [0xED, 0xA0, 0x80]), .invalidUTF8),
            (FrameBytes.frame(1, [0xF4, 0x90, 0x80, 0x80]), .invalidUTF8),
            (FrameBytes.frame(1, [0x80]), .invalidUTF8), (FrameBytes.frame(1, [0xFF]), .invalidUTF8),
            (FrameBytes.frame(1, [0xC3], isFinal: false) + FrameBytes.frame(0, [0x41]), .invalidUTF8),
            (FrameBytes.frame(1, [0xC3], isFinal: false) + FrameBytes.frame(0, []), .invalidUTF8),
            (FrameBytes.frame(8, [0x03, 0xE8, 0xFF]), .invalidUTF8),
            (FrameBytes.frame(8, [0x03, 0xE8, 0xC3]), .invalidUTF8),
            (FrameBytes.frame(8, [0x03]), .malformedClose), (FrameBytes.frame(8, [0, 0]), .malformedClose),
            (FrameBytes.frame(8, [0x03, 0xED]), .malformedClose), (FrameBytes.frame(8, [0x13, 0x88]), .malformedClose),
            (FrameBytes.frame(2, [1], isFinal: false) + FrameBytes.frame(2, [1]), .interruptedMessage),
            (FrameBytes.frame(0, []), .unexpectedContinuation),
        ] as [([UInt8], WebSocketViolation)])
    func `refuses what RFC 6455 forbids, however it is split, and reads nothing behind it`(
        bytes: [UInt8], violation: WebSocketViolation
    ) throws {
        for size in 1...bytes.count {
            var session = try SessionUnderTest()
            let events = session.events(of: bytes + FrameBytes.text("behind"), reads: size)
            #expect(events == [.violation(violation)], "in reads of \(size)")
        }
        #expect(violation.closeCode == (violation == .invalidUTF8 ? 1007 : 1002))
    }

    @Test func `refuses text that has gone wrong before the frame, or the message, is whole`() throws {
        var session = try SessionUnderTest()
        // 5,000 bytes are announced; the second of the nine that come cannot follow the first.
        let start = Array(FrameBytes.frame(1, [0xC3, 0x28] + [UInt8](repeating: 0x61, count: 4_998)).prefix(13))
        #expect(session.events(of: start, reads: 64) == [.violation(.invalidUTF8)])
        var fragments = try SessionUnderTest()
        let first = FrameBytes.frame(1, [0x61, 0xED, 0xBF], isFinal: false)
        #expect(fragments.events(of: first, reads: 64) == [.violation(.invalidUTF8)])
    }

    @Test func `agrees with the standard library on what is UTF-8`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        let starts: [[UInt8]] = [
            [0x61], [0xC2], [0xDF, 0xBF], [0xE0, 0xA0], [0xE1, 0x80, 0x80], [0xED, 0x9F, 0xBF], [0xEE, 0x80],
            [0xF0, 0x90],
            [0xF3, 0xA0, 0x81, 0xBF], [0xF4, 0x8F, 0xBF, 0xBF], [0xF5], [0xC1], [0xBF], Array("0123456789abcdef".utf8),
        ]
        var valid = 0
        for _ in 0..<30_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...5, using: &generator) { bytes += starts.randomElement(using: &generator)! }
            if Bool.random(using: &generator), let index = bytes.indices.randomElement(using: &generator) {
                bytes[index] = UInt8.random(in: 0...255, using: &generator)
            }
            let expected = String(validating: bytes, as: UTF8.self) != nil
            var session = try SessionUnderTest()
            // As two fragments, cut anywhere.
            let cut = Int.random(in: 0...bytes.count, using: &generator)
            let frames =
                FrameBytes.frame(1, Array(bytes[..<cut]), isFinal: false) + FrameBytes.frame(0, Array(bytes[cut...]))
            let events = session.events(of: frames, reads: Int.random(in: 1...frames.count, using: &generator))
            #expect(events == (expected ? [.text(bytes)] : [.violation(.invalidUTF8)]), "seed \(seed): \(bytes)")
            valid += expected ? 1 : 0
        }
        print("seed \(seed): \(valid) of 30000 texts valid, all judged as the standard library does")
        #expect(valid > 1_000 && valid < 29_000)
    }

    @Test func `takes a message of the limit and refuses one byte more, from the header alone`() throws {
        let whole = FrameBytes.frame(2, [UInt8](repeating: 7, count: 1_000))
        var session = try SessionUnderTest(most: 1_000)
        #expect(session.events(of: whole, reads: 333) == [.binary([UInt8](repeating: 7, count: 1_000))])
        for claimed in [1_001, 1 << 31, UInt64(1) << 62] as [UInt64] {
            var session = try SessionUnderTest(most: 1_000)
            let header = FrameBytes.frame(2, [], claimedLength: claimed)
            #expect(session.events(of: header, reads: 1) == [.violation(.oversizedMessage)])
        }
        #expect(WebSocketViolation.oversizedMessage.closeCode == 1009)
    }

    @Test func `refuses fragments beyond the limit by the header that makes them so`() throws {
        for announced in [401, 1_000] as [UInt64] {
            var session = try SessionUnderTest(most: 1_000)
            let fragments =
                FrameBytes.frame(2, [UInt8](repeating: 7, count: 600), isFinal: false)
                + FrameBytes.frame(0, [], claimedLength: announced)
            #expect(session.events(of: fragments, reads: 64) == [.violation(.oversizedMessage)])
        }
        var session = try SessionUnderTest(most: 1_000)
        let whole =
            FrameBytes.frame(2, [UInt8](repeating: 7, count: 600), isFinal: false)
            + FrameBytes.frame(0, [UInt8](repeating: 7, count: 400))
        #expect(session.events(of: whole, reads: 64) == [.binary([UInt8](repeating: 7, count: 1_000))])
    }

    @Test(arguments: [[], [0x03, 0xE8], [0x0F, 0xA0] + Array("bye".utf8)] as [[UInt8]])
    func `reads nothing behind a close frame, however it is split`(payload: [UInt8]) throws {
        let close = FrameBytes.frame(8, payload)
        let code = payload.isEmpty ? nil : UInt16(payload[0]) << 8 | UInt16(payload[1])
        let bytes = FrameBytes.text("before") + close + FrameBytes.text("behind") + FrameBytes.frame(9, [1]) + close
        for size in 1...bytes.count {
            var session = try SessionUnderTest()
            #expect(session.events(of: bytes, reads: size) == [.text(Array("before".utf8)), .close(code)], "\(size)")
        }
    }
}
