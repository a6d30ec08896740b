import CWslay
import FeedHandler
import TestSupport
import Testing

@Suite struct WebSocketFrameTests {
    @Test(arguments: [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
    func `reads frames of every length form`(count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let bytes = FrameBytes.frame(2, payload, isFinal: false)
        #expect(
            FrameBytes.parse(bytes + [1, 2, 3])
                == .frame(opcode: 2, isFinal: false, payload: payload, frameBytes: bytes.count))
    }

    @Test func `asks for more at every split point, never for more than the frame`() {
        for payload in [0, 5, 125, 126, 300, 65_536] {
            let bytes = FrameBytes.frame(1, [UInt8](repeating: 7, count: payload))
            let header = bytes.count - payload
            for length in Array(0..<min(bytes.count, 400)) + Array(max(0, bytes.count - 3)..<bytes.count) {
                guard case .needMore(let needed) = FrameBytes.parse(Array(bytes[..<length])) else {
                    Issue.record("took \(length) of \(bytes.count) bytes for a frame")
                    continue
                }
                #expect(needed > length && needed <= bytes.count)
                if length >= header { #expect(needed == bytes.count) }
            }
        }
    }

    @Test(
        arguments: [
            (FrameBytes.frame(1, [], reserved: 4), .reservedBits),
            (FrameBytes.frame(1, [], reserved: 2), .reservedBits),
            (FrameBytes.frame(1, [], reserved: 1), .reservedBits),
            (FrameBytes.frame(9, [], reserved: 4), .reservedBits),
            (FrameBytes.frame(3, []), .reservedOpcode), (FrameBytes.frame(7, []), .reservedOpcode),
            (FrameBytes.frame(0xB, []), .reservedOpcode), (FrameBytes.frame(0xF, []), .reservedOpcode),
            (FrameBytes.frame(8, [], isFinal: false), .fragmentedControlFrame),
            (FrameBytes.frame(9, [], isFinal: false), .fragmentedControlFrame),
            (FrameBytes.frame(9, [UInt8](repeating: 0, count: 126)), .oversizedControlFrame),
            (FrameBytes.frame(8, [1, 2], lengthField: 8), .oversizedControlFrame),
            (FrameBytes.frame(1, [1], mask: [1, 2, 3, 4]), .maskedFrame),
            (FrameBytes.frame(1, [1], lengthField: 2), .lengthNotMinimal),
            (FrameBytes.frame(1, [UInt8](repeating: 0, count: 125), lengthField: 2), .lengthNotMinimal),
            (FrameBytes.frame(1, [UInt8](repeating: 0, count: 65_535), lengthField: 8), .lengthNotMinimal),
            (FrameBytes.frame(1, [], claimedLength: 1 << 63), .lengthNotMinimal),
            (FrameBytes.frame(1, [], claimedLength: .max), .lengthNotMinimal),
            (FrameBytes.frame(1, [], claimedLength: (1 << 63) - 1), .oversizedMessage),
            (FrameBytes.frame(1, [], claimedLength: 1 << 32), .oversizedMessage),
            (FrameBytes.frame(1, [], claimedLength: (1 << 20) + 1), .oversizedMessage),
        ] as [([UInt8], WebSocketViolation)])
    func `reports a violation as soon as the header shows it`(bytes: [UInt8], violation: WebSocketViolation) {
        #expect(FrameBytes.parse(bytes) == .violation(violation))
        #expect(FrameBytes.parse(Array(bytes.prefix(14))) == .violation(violation))
    }

    @Test func `takes a payload of exactly the limit`() {
        let bytes = FrameBytes.frame(1, [UInt8](repeating: 0, count: 1_000))
        guard case .frame = FrameBytes.parse(bytes, most: 1_000) else {
            Issue.record("a frame of the limit's length was refused")
            return
        }
        #expect(FrameBytes.parse(bytes, most: 999) == .violation(.oversizedMessage))
    }

    @Test func `agrees with wslay on random and damaged frames`() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(state: seed)
        var (equal, refused) = (0, 0)
        for round in 0..<20_000 {
            // Mostly lengths about the 7-bit limit, now and then about the 16-bit one.
            let length = Int.random(in: round % 500 == 0 ? 65_000...66_000 : 0...260, using: &generator)
            let opcode = [0, 1, 2, 8, 9, 10].randomElement(using: &generator)!
            var bytes = FrameBytes.frame(
                UInt8(opcode), (0..<length).map { UInt8(truncatingIfNeeded: $0) },
                isFinal: Bool.random(using: &generator))
            for _ in 0..<Int.random(in: 0...1, using: &generator) {
                bytes[Int.random(in: 0..<min(10, bytes.count), using: &generator)] =
                    UInt8.random(in: 0...255, using: &generator)
            }
            if Int.random(in: 0...3, using: &generator) == 0 {
                bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator))
            }
            let ours = FrameBytes.parse(bytes, most: 1 << 17)
            let theirs = WslayOracle.parse(bytes)
            switch (ours, theirs) {
            case (.frame(let opcode, let isFinal, let payload, _), .frame(let frame)):
                equal += 1
                #expect(opcode == frame.opcode && isFinal == frame.isFinal && payload == frame.payload, "seed \(seed)")
            case (.needMore, .incomplete), (.violation, .refused): refused += 1
            // wslay's frame layer leaves these to its caller; ours refuses them at once.
            case (.violation(.reservedBits), _), (.violation(.reservedOpcode), _), (.violation(.maskedFrame), _),
                (.violation(.oversizedMessage), _), (.violation(.fragmentedControlFrame), _):
                refused += 1
            // Ours needs no second byte, wslay does, or sees the breach only with the whole header.
            case (.violation, .incomplete): refused += 1
            default: Issue.record("seed \(seed): \(bytes.prefix(14)) of \(bytes.count): ours \(ours), wslay \(theirs)")
            }
        }
        print("seed \(seed): \(equal) frames equal to wslay's, \(refused) incomplete or refused")
        #expect(equal > 2_000)
    }

    @Test(arguments: [0, 1, 3, 4, 125, 126, 65_535, 65_536])
    func `writes masked frames that wslay reads`(count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var output = [UInt8](repeating: 0, count: count + 14)
        let length = payload.withUnsafeBytes { payload in
            output.withUnsafeMutableBytes {
                WebSocketFrame.write(.ping, payload: payload, mask: [0x12, 0x34, 0x56, 0x78], to: $0)
            }
        }
        guard case .frame(let frame) = WslayOracle.parse(Array(output[..<length]), allowsLongControl: count > 125)
        else {
            // wslay refuses long control frames, as every peer does; the writer's caller never makes them.
            #expect(count > 125)
            return
        }
        #expect(frame.payload == payload && frame.isFinal && frame.opcode == 9 && frame.isMasked)
    }

    @Test func `writes nothing where a frame does not fit`() {
        var output = [UInt8](repeating: 0, count: 10)
        let written = [UInt8](repeating: 1, count: 5).withUnsafeBytes { payload in
            output.withUnsafeMutableBytes { WebSocketFrame.write(.pong, payload: payload, mask: [1, 2, 3, 4], to: $0) }
        }
        #expect(written == 0)
    }
}

/// wslay's frame decoder over bytes in memory.
enum WslayOracle {
    struct Frame {
        var opcode: UInt8
        var isFinal: Bool
        var isMasked: Bool
        var payload: [UInt8]
    }

    enum Result {
        case frame(Frame)
        case incomplete
        case refused
    }

    private final class Source {
        var bytes: ArraySlice<UInt8>
        init(_ bytes: [UInt8]) { self.bytes = bytes[...] }
    }

    static func parse(_ bytes: [UInt8], allowsLongControl: Bool = false) -> Result {
        let source = Source(bytes)
        var callbacks = wslay_frame_callbacks(
            send_callback: nil,
            recv_callback: { buffer, capacity, _, context in
                let source = Unmanaged<Source>.fromOpaque(context!).takeUnretainedValue()
                let part = source.bytes.prefix(capacity)
                guard !part.isEmpty else { return -1 }
                for (index, byte) in part.enumerated() { buffer![index] = byte }
                source.bytes = source.bytes.dropFirst(part.count)
                return part.count
            }, genmask_callback: nil)
        var context: wslay_frame_context_ptr?
        guard wslay_frame_context_init(&context, &callbacks, Unmanaged.passUnretained(source).toOpaque()) == 0 else {
            return .refused
        }
        defer { wslay_frame_context_free(context) }
        return withExtendedLifetime(source) { receive(context) }
    }

    private static func receive(_ context: wslay_frame_context_ptr?) -> Result {
        var payload: [UInt8] = []
        while true {
            var part = wslay_frame_iocb()
            let count = wslay_frame_recv(context, &part)
            // A source that has run dry is WSLAY_ERR_WANT_READ to wslay.
            guard count >= 0 else { return count == Int(WSLAY_ERR_WANT_READ.rawValue) ? .incomplete : .refused }
            if count > 0 { payload += UnsafeBufferPointer(start: part.data, count: part.data_length) }
            guard UInt64(payload.count) < part.payload_length else {
                return .frame(
                    Frame(opcode: part.opcode, isFinal: part.fin == 1, isMasked: part.mask == 1, payload: payload))
            }
        }
    }
}
