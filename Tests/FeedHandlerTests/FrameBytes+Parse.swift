import FeedHandler
import TestSupport

extension FrameBytes {
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
