import CWslay

/// What a websocket client made of everything a server sent it on one connection.
struct ConversationOutcome: Equatable {
    struct Message: Equatable {
        var isText: Bool
        var payload: [UInt8]
    }

    /// A frame the client sent, unmasked.
    struct Answer: Equatable {
        var opcode: UInt8
        var payload: [UInt8]
    }

    var messages: [Message] = []
    var answers: [Answer] = []

    /// Payloads of the pongs, in order.
    var pongs: [[UInt8]] { answers.filter { $0.opcode == 10 }.map(\.payload) }
    /// How the client closed: nil where it did not, else the code it sent, 0 for a close frame without one.
    var closeCode: Int? {
        answers.first { $0.opcode == 8 }.map { close in
            close.payload.count < 2 ? 0 : Int(close.payload[0]) << 8 | Int(close.payload[1])
        }
    }

    /// Reads the masked frames a client wrote, by wslay's frame decoder; nil where they are not whole masked frames.
    static func answers(_ written: [UInt8]) -> [Answer]? {
        var answers: [Answer] = []
        var rest = written[...]
        while !rest.isEmpty {
            guard case .frame(let frame) = WslayOracle.parse(Array(rest)), frame.isMasked, frame.payload.count <= 125
            else { return nil }
            answers.append(Answer(opcode: frame.opcode, payload: frame.payload))
            rest = rest.dropFirst(6 + frame.payload.count)
        }
        return answers
    }
}

/// wslay's client over bytes in memory: the oracle of whole conversations.
final class WslayConversation {
    private var incoming: ArraySlice<UInt8> = []
    private var written: [UInt8] = []
    private var outcome = ConversationOutcome()
    private var context: wslay_event_context_ptr?

    /// The outcome of a conversation whose server sends `pieces`, one after the other.
    static func outcome(of pieces: [ArraySlice<UInt8>], mostMessageBytes: Int) -> ConversationOutcome? {
        let conversation = WslayConversation()
        return withExtendedLifetime(conversation) { conversation.run(pieces, mostMessageBytes) }
    }

    private static func owner(_ userData: UnsafeMutableRawPointer?) -> WslayConversation {
        Unmanaged<WslayConversation>.fromOpaque(userData!).takeUnretainedValue()
    }

    private func run(_ pieces: [ArraySlice<UInt8>], _ mostMessageBytes: Int) -> ConversationOutcome? {
        var callbacks = wslay_event_callbacks()
        callbacks.recv_callback = { context, buffer, capacity, _, userData in
            let owner = WslayConversation.owner(userData)
            let part = owner.incoming.prefix(capacity)
            guard !part.isEmpty else {
                wslay_event_set_error(context, Int32(WSLAY_ERR_WOULDBLOCK.rawValue))
                return -1
            }
            part.withUnsafeBytes {
                buffer!.update(from: $0.baseAddress!.assumingMemoryBound(to: UInt8.self), count: part.count)
            }
            owner.incoming = owner.incoming.dropFirst(part.count)
            return part.count
        }
        callbacks.send_callback = { _, bytes, count, _, userData in
            WslayConversation.owner(userData).written += UnsafeBufferPointer(start: bytes, count: count)
            return count
        }
        callbacks.genmask_callback = { _, mask, count, _ in
            for index in 0..<count { mask![index] = UInt8(index + 1) }
            return 0
        }
        callbacks.on_msg_recv_callback = { _, message, userData in
            let message = message!.pointee
            guard message.opcode < 8 else { return }
            WslayConversation.owner(userData).outcome.messages.append(
                .init(
                    isText: message.opcode == 1,
                    payload: Array(UnsafeBufferPointer(start: message.msg, count: message.msg_length))))
        }
        guard
            wslay_event_context_client_init(&context, &callbacks, Unmanaged.passUnretained(self).toOpaque()) == 0
        else { return nil }
        defer { wslay_event_context_free(context) }
        wslay_event_config_set_max_recv_msg_length(context, UInt64(mostMessageBytes))
        for piece in pieces where wslay_event_want_read(context) == 1 {
            incoming = piece
            // A refusal by its frame layer is an error here and a close frame without a code in what it sends.
            _ = wslay_event_recv(context)
            guard wslay_event_send(context) == 0 else { return nil }
        }
        guard let answers = ConversationOutcome.answers(written) else { return nil }
        outcome.answers = answers
        return outcome
    }
}
