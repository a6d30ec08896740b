import FeedHandler

/// Builds frames as servers send them, right or wrong.
enum FrameBytes {
    /// A frame; `lengthField` 0 chooses the minimal one, 2 or 8 force a longer one.
    static func frame(
        _ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, reserved: UInt8 = 0, mask: [UInt8]? = nil,
        lengthField: Int = 0, claimedLength: UInt64? = nil
    ) -> [UInt8] {
        let length = claimedLength ?? UInt64(payload.count)
        let field = lengthField > 0 ? lengthField : (length < 126 ? 1 : (length <= 0xFFFF ? 2 : 8))
        var bytes = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode]
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        bytes.append(maskBit | (field == 1 ? UInt8(length) : (field == 2 ? 126 : 127)))
        if field > 1 {
            for index in (0..<field).reversed() { bytes.append(UInt8(truncatingIfNeeded: length >> UInt64(8 * index))) }
        }
        bytes += mask ?? []
        return bytes + payload.enumerated().map { mask == nil ? $0.element : $0.element ^ mask![$0.offset % 4] }
    }

    static func text(_ text: String) -> [UInt8] { frame(1, Array(text.utf8)) }

    /// A frame by our parser: what it said, with the payload copied.
    enum Parsed: Equatable {
        case frame(opcode: UInt8, isFinal: Bool, payload: [UInt8], frameBytes: Int)
        case needMore(Int)
        case violation(WebSocketViolation)
    }

    static func parse(_ bytes: [UInt8], most: Int = 1 << 20) -> Parsed {
        let exact = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { exact.deallocate() }
        exact.copyBytes(from: bytes)
        switch WebSocketFrame.parse(UnsafeRawBufferPointer(exact), mostPayloadBytes: most) {
        case .frame(let frame):
            return .frame(
                opcode: frame.opcode.rawValue, isFinal: frame.isFinal, payload: Array(frame.payload),
                frameBytes: frame.frameBytes)
        case .needMore(let frameBytes, _): return .needMore(frameBytes)
        case .violation(let violation): return .violation(violation)
        }
    }
}
