/// Builds frames as servers send them, right or wrong.
package enum FrameBytes {
    /// A frame; `lengthField` 0 chooses the minimal one, 2 or 8 force a longer one.
    package static func frame(
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

    /// An unfragmented text message.
    package static func text(_ text: String) -> [UInt8] { frame(1, Array(text.utf8)) }
}
