import FeedHandler
import TestSupport
import Testing

@Suite struct MessageAssemblerTests {
    /// What a sequence of data frames leads to: messages and, at most one, violation.
    private func run(_ frames: [[UInt8]], most: Int = 100) -> (messages: [String], violation: WebSocketViolation?) {
        var assembler = MessageAssembler(mostMessageBytes: most, acceptsBinary: false)
        var messages: [String] = []
        for bytes in frames {
            let violation: WebSocketViolation? = bytes.withUnsafeBytes { bytes in
                guard case .frame(let frame) = WebSocketFrame.parse(bytes, mostPayloadBytes: most) else { return nil }
                switch assembler.take(frame) {
                case .whole(_): messages.append(String(decoding: frame.payload, as: UTF8.self))
                case .pending: break
                case .assembled(_):
                    messages.append(String(decoding: assembler.assembled, as: UTF8.self))
                    assembler.reset()
                case .violation(let violation): return violation
                }
                return nil
            }
            if let violation { return (messages, violation) }
        }
        return (messages, nil)
    }

    private func part(_ opcode: UInt8, _ text: String, _ isFinal: Bool) -> [UInt8] {
        FrameBytes.frame(opcode, Array(text.utf8), isFinal: isFinal)
    }

    @Test func `joins fragments, also empty ones, and lets whole messages through`() {
        let (messages, violation) = run([
            part(1, "a", true), part(1, "b", false), part(0, "", false), part(0, "c", false), part(0, "d", true),
            part(1, "", false), part(0, "", true), part(1, "e", true),
        ])
        #expect(messages == ["a", "bcd", "", "e"] && violation == nil)
    }

    @Test func `refuses fragments out of order`() {
        #expect(run([part(0, "a", true)]).violation == .unexpectedContinuation)
        #expect(run([part(1, "a", false), part(1, "b", true)]).violation == .interruptedMessage)
        #expect(run([part(1, "a", true), part(0, "b", true)]).violation == .unexpectedContinuation)
        #expect(run([part(2, "a", true)]).violation == .binaryMessage)
        #expect(run([part(2, "a", false)]).violation == .binaryMessage)
    }

    @Test func `bounds the whole message, not only its frames`() {
        let half = String(repeating: "x", count: 50)
        #expect(run([part(1, half, false), part(0, half, true)]).messages.first?.count == 100)
        #expect(run([part(1, half, false), part(0, half, false), part(0, "y", true)]).violation == .oversizedMessage)
        #expect(run([part(1, half, false), part(0, half + half, true)]).violation == .oversizedMessage)
    }
}
