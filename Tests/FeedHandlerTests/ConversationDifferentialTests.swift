import TestSupport
import Testing

@testable import FeedHandler

/// Whole conversations through our client and through wslay's event API: same messages, same pongs, same close code.
@Suite struct ConversationDifferentialTests {
    private static let rounds = 12_000

    /// The code our client closes with, and wslay's where it differs. 0: a close frame without a code.
    private static func expectedCodes(_ breach: RandomConversation.Breach) -> (ours: Int, wslay: Int)? {
        switch breach {
        case .masked, .reservedBits, .reservedOpcode, .unexpectedContinuation, .interrupted, .closeCode: (1002, 1002)
        case .invalidText, .invalidTextAtBorder, .unfinishedText, .closeReason: (1007, 1007)
        case .oversizedFrame, .oversizedFragments: (1009, 1009)
        // wslay's frame layer knows no codes; RFC 6455, section 7.4.1: 1002.
        case .fragmentedControl, .longControl, .longLength, .lengthBeyond63Bits: (1002, 0)
        // Stricter than wslay: a close frame's payload begins with two bytes of code (section 5.5.1).
        case .shortClose: (1002, 0)
        // Wider than wslay: 1012 to 1014 were registered after RFC 6455, and exchanges send 1012 when they restart. Ours
        // is an echo, so it has no one code.
        case .newCloseCode: nil
        }
    }

    @Test func `agrees with wslay on random conversations, right and wrong`() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var seeds = SeededGenerator(state: seed)
        var (messages, pongs, closes, refusals) = (0, 0, 0, 0)
        for limit in [1_000, 70_000] {
            var client = ConversationClient(mostMessageBytes: limit)
            for _ in 0..<Self.rounds / 2 {
                let own = seeds.next()
                var conversation = RandomConversation(seed: own, mostMessageBytes: limit)
                let taken = client.outcome(of: conversation.pieces())
                let ours = try #require(taken)
                let theirs = try #require(
                    WslayConversation.outcome(
                        of: conversation.piecesWithWholeControlFrames(), mostMessageBytes: limit))
                let what: Comment = "seed \(seed), conversation \(own), \(String(describing: conversation.breach))"
                #expect(ours.messages == theirs.messages, what)
                #expect(ours.pongs == theirs.pongs, what)
                if let codes = conversation.breach.flatMap(Self.expectedCodes) {
                    #expect(ours.closeCode == codes.ours && theirs.closeCode == codes.wslay, what)
                } else if conversation.breach == .newCloseCode {
                    #expect((1012...1014).contains(ours.closeCode ?? -1) && theirs.closeCode == 1002, what)
                } else {
                    #expect(ours.closeCode == theirs.closeCode, what)
                }
                messages += ours.messages.count
                pongs += ours.pongs.count
                closes += conversation.breach == nil && ours.closeCode != nil ? 1 : 0
                refusals += conversation.breach == nil ? 0 : 1
            }
        }
        print(
            "figure: seed \(seed): \(Self.rounds) conversations as wslay has them: \(messages) messages, \(pongs) pongs, "
                + "\(closes) closed, \(refusals) refused")
        #expect(messages > Self.rounds && pongs > Self.rounds && closes > 1_000 && refusals > 1_000)
    }

    @Test func `agrees with wslay on damaged conversations: what came before the damage, and whether it is refused`()
        throws
    {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        var client = ConversationClient(mostMessageBytes: 1_000)
        var (refusals, sameCode) = (0, 0)
        for _ in 0..<4_000 {
            let own = generator.next()
            var conversation = RandomConversation(seed: own, mostMessageBytes: 1_000)
            for _ in 0..<Int.random(in: 1...3, using: &generator) { conversation.damage() }
            // In one piece of at most wslay's own buffer, as where the control frames are is no longer known.
            let pieces = [conversation.bytes.prefix(4_096)]
            let taken = client.outcome(of: pieces)
            let ours = try #require(taken)
            let theirs = try #require(WslayConversation.outcome(of: pieces, mostMessageBytes: 1_000))
            let what: Comment = "seed \(seed), conversation \(own)"
            #expect(ours.messages == theirs.messages, what)
            // wslay drops the pongs of what it reads together with a breach.
            let hasAllPongs =
                ours.pongs == theirs.pongs || ours.pongs.starts(with: theirs.pongs) && theirs.closeCode != nil
            #expect(hasAllPongs, what)
            // Of a frame that is cut short ours needs the header alone, wslay some payload; and wslay judges the beginning of
            // a close frame's reason, ours the whole.
            let isSooner = ours.closeCode != nil || Self.endsInsideCloseFrame(pieces[0])
            #expect((ours.closeCode == nil) == (theirs.closeCode == nil) || isSooner, what)
            guard let ourCode = ours.closeCode, let theirCode = theirs.closeCode else { continue }
            refusals += 1
            // Where a frame breaks two rules either one may be named.
            sameCode += ourCode == theirCode ? 1 : 0
        }
        print(
            "figure: seed \(seed): \(refusals) of 4000 damaged conversations refused by both, \(sameCode) with one code"
        )
        #expect(refusals > 500)
    }

    private static func endsInsideCloseFrame(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while case .frame(_, _, _, let frameBytes) = FrameBytes.parse(Array(rest)) { rest = rest.dropFirst(frameBytes) }
        return rest.first.map { $0 & 0x0F == 8 } ?? false
    }
}

/// Our client over bytes in memory, past its handshake; it answers as a feed does.
struct ConversationClient: ~Copyable {
    private var session: WebSocketSession

    init(mostMessageBytes: Int) {
        session = WebSocketSession(mostMessageBytes: mostMessageBytes, acceptsBinary: true, outgoingBytes: 1 << 20)
    }

    /// What it makes of a server that sends `pieces`; nil where what it wrote are no frames.
    mutating func outcome(of pieces: [ArraySlice<UInt8>]) -> ConversationOutcome? {
        guard session.begin(host: "h", target: "/") else { return nil }
        let requestBytes = session.outgoing.bytes.readable.count
        var outcome = ConversationOutcome()
        for piece in pieces {
            session.writableTail().copyBytes(from: piece)
            session.didReceive(piece.count)
            while take(&outcome) {}
        }
        guard let answers = ConversationOutcome.answers(Array(session.outgoing.bytes.readable.dropFirst(requestBytes)))
        else { return nil }
        outcome.answers = answers
        return outcome
    }

    private mutating func take(_ outcome: inout ConversationOutcome) -> Bool {
        switch session.next() {
        case .none: return false
        case .message(let message, let isText): outcome.messages.append(.init(isText: isText, payload: Array(message)))
        case .ping(let isAnswered): #expect(isAnswered)
        case .pong: break
        case .close(let status): close(status.code)
        case .violation(let violation): close(violation.closeCode)
        }
        return true
    }

    private mutating func close(_ code: UInt16?) {
        let isQueued = session.sendClose(code)
        #expect(isQueued)
    }
}
