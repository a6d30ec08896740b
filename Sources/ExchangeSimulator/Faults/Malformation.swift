internal import NIOCore

/// A way to spoil a message. Unless said otherwise the connection stays usable, and the message is lost to the reader.
public enum Malformation: String, Sendable, Hashable, CaseIterable {
    /// The text ends somewhere within the object.
    case truncated
    /// Its id is `true`.
    case wrongTypes = "wrong-types"
    /// Printable characters that are no JSON.
    case garbage
    /// Arrays in arrays, ten thousand deep, in a member of their own.
    case nested
    /// A price is `NaN`.
    case nan
    /// The id is 2⁴⁸ further on.
    case wrongID = "wrong-id"
    /// A text message of more than 1 MiB. A reader should close the connection with 1009.
    case oversized
    /// The header announces 2⁶² bytes. As above.
    case lyingLength = "lying-length"
    /// The text in a binary frame. A reader should close the connection with 1003.
    case binary
    /// The text holds a byte that is no UTF-8. A reader should close the connection with 1007.
    case invalidUTF8 = "invalid-utf8"

    /// Above the largest message an exchange's reader has to accept.
    static let oversizedBytes = (1 << 20) + 1
    static let nestingDepth = 10_000
    static let lyingLengthBytes = 1 << 62

    /// Spoils a payload where that is what this kind does; nil where it has no such member.
    func spoil(payload: [UInt8]) -> [UInt8]? {
        switch self {
        case .wrongTypes: PayloadEdit.changing(payload, firstOf: PayloadEdit.identifiers) { _ in Array("true".utf8) }
        case .wrongID:
            PayloadEdit.changing(payload, firstOf: PayloadEdit.identifiers) { text in
                Int(String(decoding: text, as: UTF8.self)).map { Array("\($0 &+ 1 << 48)".utf8) }
            }
        case .nan: PayloadEdit.changing(payload, firstOf: PayloadEdit.prices) { _ in Array("\"NaN\"".utf8) }
        default: payload
        }
    }

    /// Writes the frame of a whole message (envelope included) that was spoiled above or is spoiled here.
    func write(_ message: ByteBuffer, random: inout SeededRandom, into buffer: inout ByteBuffer) {
        var text = message
        switch self {
        case .wrongTypes, .wrongID, .nan: break
        case .truncated:
            text = text.readSlice(length: 1 + Int(random.below(UInt64(max(1, text.readableBytes - 1))))) ?? text
        case .garbage:
            text.clear()
            text.writeString("#")
            for _ in 1..<max(2, message.readableBytes) { text.writeInteger(UInt8(0x21 + random.below(0x5E))) }
        case .nested:
            text.clear()
            text.writeString("{\"x\":")
            text.writeRepeatingByte(UInt8(ascii: "["), count: Self.nestingDepth)
            text.writeRepeatingByte(UInt8(ascii: "]"), count: Self.nestingDepth)
            text.writeString(",")
            text.writeBytes(message.readableBytesView.dropFirst())
        case .oversized:
            text.writeRepeatingByte(0x20, count: Self.oversizedBytes - text.readableBytes)
        case .invalidUTF8: text.setInteger(UInt8(0xFF), at: text.readableBytes / 2)
        case .lyingLength:
            WebSocketFraming.writeHeader(.text, payloadBytes: Self.lyingLengthBytes, into: &buffer)
            buffer.writeImmutableBuffer(text)
            return
        case .binary:
            WebSocketFraming.writeHeader(.binary, payloadBytes: text.readableBytes, into: &buffer)
            buffer.writeImmutableBuffer(text)
            return
        }
        WebSocketFraming.writeHeader(.text, payloadBytes: text.readableBytes, into: &buffer)
        buffer.writeImmutableBuffer(text)
    }
}
