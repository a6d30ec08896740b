internal import NIOCore

/// Writes unmasked data frames straight into an outgoing batch. [RFC 6455, 5.2]
enum WebSocketFraming {
    /// What a data frame begins with.
    enum Opcode: UInt8 {
        case continuation = 0
        case text = 1
        case binary = 2
    }

    private static let final: UInt8 = 0x80

    /// Bytes of the header of a frame with `payloadBytes`.
    static func headerBytes(payloadBytes: Int) -> Int { payloadBytes < 126 ? 2 : payloadBytes <= 0xFFFF ? 4 : 10 }

    /// Appends the header of a whole message.
    static func writeHeader(_ opcode: Opcode, payloadBytes: Int, into buffer: inout ByteBuffer) {
        writeHeader(firstByte: final | opcode.rawValue, payloadBytes: payloadBytes, into: &buffer)
    }

    /// Appends `message` as a text message in fragments of at most `maximumBytes`.
    static func writeFragments(of message: ByteBuffer, maximumBytes: Int, into buffer: inout ByteBuffer) {
        var rest = message
        var opcode = Opcode.text
        repeat {
            let count = min(maximumBytes, rest.readableBytes)
            let isLast = count == rest.readableBytes
            writeHeader(
                firstByte: isLast ? final | opcode.rawValue : opcode.rawValue, payloadBytes: count, into: &buffer)
            if var fragment = rest.readSlice(length: count) { buffer.writeBuffer(&fragment) }
            opcode = .continuation
        } while rest.readableBytes > 0
    }

    private static func writeHeader(firstByte: UInt8, payloadBytes: Int, into buffer: inout ByteBuffer) {
        buffer.writeInteger(firstByte)
        if payloadBytes < 126 {
            buffer.writeInteger(UInt8(payloadBytes))
        } else if payloadBytes <= 0xFFFF {
            buffer.writeInteger(UInt8(126))
            buffer.writeInteger(UInt16(payloadBytes))
        } else {
            buffer.writeInteger(UInt8(127))
            buffer.writeInteger(UInt64(payloadBytes))
        }
    }
}
