internal import CFeedDecoder

/// The kinds of frame (RFC 6455, section 11.8).
package enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA
}

/// How a peer broke RFC 6455 or our limits.
package enum WebSocketViolation: Error, Sendable, Equatable, CaseIterable {
    case reservedBits
    case reservedOpcode
    case fragmentedControlFrame
    case oversizedControlFrame
    case maskedFrame
    case lengthNotMinimal
    case oversizedMessage
    case unexpectedContinuation
    case interruptedMessage
    case malformedClose
    case binaryMessage
    case invalidUTF8

    /// The close code that answers it (section 7.4.1).
    package var closeCode: UInt16 {
        switch self {
        case .oversizedMessage: 1009
        case .binaryMessage: 1003
        case .invalidUTF8: 1007
        default: 1002
        }
    }

    /// The label in metrics and logs.
    package var label: String {
        switch self {
        case .reservedBits: "reserved_bits"
        case .reservedOpcode: "reserved_opcode"
        case .fragmentedControlFrame: "fragmented_control_frame"
        case .oversizedControlFrame: "oversized_control_frame"
        case .maskedFrame: "masked_frame"
        case .lengthNotMinimal: "length_not_minimal"
        case .oversizedMessage: "oversized_message"
        case .unexpectedContinuation: "unexpected_continuation"
        case .interruptedMessage: "interrupted_message"
        case .malformedClose: "malformed_close"
        case .binaryMessage: "binary_message"
        case .invalidUTF8: "invalid_utf8"
        }
    }
}

/// A frame's place in the received bytes.
@safe package struct WebSocketFrame {
    /// What it is.
    package let opcode: WebSocketOpcode
    /// Whether it ends its message.
    package let isFinal: Bool
    /// Its payload, inside the parsed bytes.
    package let payload: UnsafeRawBufferPointer
    /// Header and payload: what to consume.
    package let frameBytes: Int

    /// The beginning of a payload that has not come whole.
    @safe package struct Part {
        package let opcode: WebSocketOpcode
        package let payload: UnsafeRawBufferPointer
        /// The whole payload's length, as the header says it.
        package let announcedBytes: Int
    }

    /// What the start of some bytes is.
    package enum ParseResult {
        case frame(WebSocketFrame)
        /// Incomplete; it takes so many bytes in all, as far as the header tells yet. `part` is what has come of the
        /// payload, with the header's opcode, once the header is whole.
        case needMore(frameBytes: Int, part: Part?)
        case violation(WebSocketViolation)
    }

    /// Parses the frame at the start of `bytes`. O(1), reads the header only.
    @inline(__always)
    package static func parse(_ bytes: UnsafeRawBufferPointer, mostPayloadBytes: Int) -> ParseResult {
        guard let start = bytes.baseAddress else { return .needMore(frameBytes: 2, part: nil) }
        var frame = unsafe ws_frame()
        let result = unsafe ws_frame_parse(
            start.assumingMemoryBound(to: UInt8.self), bytes.count, UInt64(mostPayloadBytes), &frame)
        switch result {
        case WS_FRAME_OK:
            // The parser has let only known opcodes through, and the payload lies inside `bytes`, so it fits an Int.
            return unsafe .frame(
                WebSocketFrame(
                    opcode: WebSocketOpcode(rawValue: frame.opcode) ?? .continuation, isFinal: frame.is_final,
                    payload: UnsafeRawBufferPointer(start: frame.payload, count: Int(frame.payload_bytes)),
                    frameBytes: Int(frame.frame_bytes)))
        case WS_FRAME_NEED_MORE:
            let part = unsafe frame.payload.map { payload in
                unsafe Part(
                    opcode: WebSocketOpcode(rawValue: frame.opcode) ?? .continuation,
                    payload: UnsafeRawBufferPointer(start: payload, count: Int(frame.payload_bytes)),
                    announcedBytes: Int(frame.frame_bytes) - (UnsafeRawPointer(payload) - start))
            }
            return unsafe .needMore(frameBytes: Int(frame.frame_bytes), part: part)
        case WS_FRAME_RESERVED_BITS: return .violation(.reservedBits)
        case WS_FRAME_RESERVED_OPCODE: return .violation(.reservedOpcode)
        case WS_FRAME_CONTROL_FRAGMENTED: return .violation(.fragmentedControlFrame)
        case WS_FRAME_CONTROL_TOO_LONG: return .violation(.oversizedControlFrame)
        case WS_FRAME_MASKED: return .violation(.maskedFrame)
        case WS_FRAME_LENGTH_NOT_MINIMAL: return .violation(.lengthNotMinimal)
        default: return .violation(.oversizedMessage)
        }
    }

    /// Writes a final frame masked with `mask` to `output`; its length, or 0 where it does not fit.
    package static func write(
        _ opcode: WebSocketOpcode, payload: UnsafeRawBufferPointer, mask: InlineArray<4, UInt8>,
        to output: UnsafeMutableRawBufferPointer
    ) -> Int {
        guard let start = output.baseAddress else { return 0 }
        var mask = mask
        return unsafe withUnsafeBytes(of: &mask) { mask in
            guard let maskStart = mask.baseAddress else { return 0 }
            return unsafe ws_frame_write(
                start.assumingMemoryBound(to: UInt8.self), output.count, ws_frame_opcode(UInt32(opcode.rawValue)),
                payload.baseAddress?.assumingMemoryBound(to: UInt8.self), payload.count,
                maskStart.assumingMemoryBound(to: UInt8.self))
        }
    }
}
