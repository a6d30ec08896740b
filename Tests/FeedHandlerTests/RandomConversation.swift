import TestSupport

/// Everything a server sends on one connection, made up from a seed: messages whole and in fragments, control frames
/// between them, perhaps one breach of the protocol, and an end.
struct RandomConversation {
    /// One way to break RFC 6455 or our limits. What each is answered with is in `ConversationDifferentialTests`.
    enum Breach: CaseIterable {
        case masked, reservedBits, reservedOpcode, unexpectedContinuation, interrupted
        case invalidText, invalidTextAtBorder, unfinishedText
        case oversizedFrame, oversizedFragments
        case closeCode, closeReason
        // wslay's frame layer refuses these without naming a code.
        case fragmentedControl, longControl, longLength, lengthBeyond63Bits
        // The two differ here.
        case shortClose, newCloseCode
    }

    /// The frames, in order.
    private(set) var frames: [[UInt8]] = []
    /// The breach in it, if any.
    let breach: Breach?
    let mostMessageBytes: Int

    var bytes: [UInt8] { frames.flatMap { $0 } }

    private var generator: SeededGenerator

    init(seed: UInt64, mostMessageBytes: Int) {
        generator = SeededGenerator(state: seed)
        self.mostMessageBytes = mostMessageBytes
        breach = Bool.random(using: &generator) ? Breach.allCases.randomElement(using: &generator) : nil
        for _ in 0..<number(0...6) { addMessage() }
        if let breach { add(breach) }
        if breach == nil && number(0...2) > 0 { frames.append(close(code: closeCode(), reason: text(number(0...120)))) }
        // Nobody may read these where the conversation is over already.
        for _ in 0..<number(0...2) { addMessage() }
    }

    /// The bytes in pieces of random sizes.
    mutating func pieces() -> [ArraySlice<UInt8>] {
        let most = [1, 2, 7, 100, 5_000, 60_000].randomElement(using: &generator)!
        return cut(bytes[...], most)
    }

    /// The same, with no piece ending inside a control frame: wslay 1.1.1 checks a close frame's reason anew from the third
    /// byte of each piece of it.
    mutating func piecesWithWholeControlFrames() -> [ArraySlice<UInt8>] {
        let most = [3, 50, 4_000].randomElement(using: &generator)!
        return frames.flatMap { $0[0] & 0x08 != 0 ? [$0[...]] : cut($0[...], most) }
    }

    /// Changes a byte anywhere, most often in a header, which is what small frames are made of.
    mutating func damage() {
        guard let frame = frames.indices.randomElement(using: &generator),
            let byte = frames[frame].indices.randomElement(using: &generator)
        else { return }
        frames[frame][byte] = UInt8.random(in: 0...255, using: &generator)
    }

    private mutating func cut(_ bytes: ArraySlice<UInt8>, _ most: Int) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var rest = bytes
        while !rest.isEmpty {
            let piece = rest.prefix(number(1...most))
            pieces.append(piece)
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }

    // MARK: Parts

    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

    private mutating func addMessage() {
        let isText = Bool.random(using: &generator)
        var length = number(0...60)
        switch number(0...20) {
        case 0: length = number(120...130)
        case 1: length = number(300...1_000)
        default: break
        }
        // Lengths about the 16-bit limit are dear and rare.
        if mostMessageBytes > 65_540 && number(0...300) == 0 { length = number(65_530...65_540) }
        addFragments(of: isText ? text(length) : random(length), opcode: isText ? 1 : 2, count: number(1...4))
    }

    /// A message in `count` fragments cut anywhere, also inside a character, with control frames between them.
    private mutating func addFragments(of payload: [UInt8], opcode: UInt8, count: Int, isFinished: Bool = true) {
        let cuts = ([0, payload.count] + (1..<count).map { _ in number(0...payload.count) }).sorted()
        for index in 0..<count {
            frames.append(
                FrameBytes.frame(
                    index == 0 ? opcode : 0, Array(payload[cuts[index]..<cuts[index + 1]]),
                    isFinal: isFinished && index == count - 1))
            for _ in 0..<max(0, number(-2...2)) { frames.append(control()) }
        }
    }

    private mutating func control() -> [UInt8] {
        FrameBytes.frame(number(9...10) == 9 ? 9 : 10, random(number(0...2) == 0 ? 125 : number(0...20)))
    }

    private mutating func random(_ count: Int) -> [UInt8] {
        let start = generator.next()
        return (0..<count).map { UInt8(truncatingIfNeeded: start >> UInt64($0 & 31) &+ UInt64($0)) }
    }

    private static let characters = [
        "a", "{\"p\":1}", "é", "κ", "–", "\u{FFFD}", "😀", "\u{10FFFF}", "\u{0}", "\u{800}",
    ]
    .map { Array($0.utf8) }

    /// Text of at most `mostBytes` with characters of one to four bytes.
    private mutating func text(_ mostBytes: Int) -> [UInt8] {
        var text: [UInt8] = []
        while true {
            let character = Self.characters[Int(generator.next() % UInt64(Self.characters.count))]
            guard text.count + character.count <= mostBytes else { return text }
            text += character
        }
    }

    /// A code both sides take, nil for none.
    private mutating func closeCode() -> UInt16? {
        [nil, 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].randomElement(
            using: &generator)!
    }

    private func close(code: UInt16?, reason: [UInt8]) -> [UInt8] {
        FrameBytes.frame(8, code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] + reason } ?? [])
    }

    // MARK: Breaches

    private mutating func add(_ breach: Breach) {
        let payload = text(number(0...40))
        switch breach {
        case .masked:
            frames.append(FrameBytes.frame([1, 2, 9].randomElement(using: &generator)!, payload, mask: [1, 2, 3, 4]))
        case .reservedBits: frames.append(FrameBytes.frame(1, payload, reserved: UInt8(number(1...7))))
        case .reservedOpcode:
            frames.append(
                FrameBytes.frame([3, 4, 5, 6, 7, 11, 12, 13, 14, 15].randomElement(using: &generator)!, payload))
        case .unexpectedContinuation:
            frames.append(FrameBytes.frame(0, payload, isFinal: Bool.random(using: &generator)))
        case .interrupted:
            addFragments(of: payload, opcode: UInt8(number(1...2)), count: number(1...3), isFinished: false)
            frames.append(FrameBytes.frame(UInt8(number(1...2)), payload))
        case .invalidText:
            let bad: [[UInt8]] = [
                [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            ]
            addFragments(
                of: payload + bad.randomElement(using: &generator)! + text(20), opcode: 1, count: number(1...4))
        case .invalidTextAtBorder:
            frames.append(FrameBytes.frame(1, payload + [0xF0, 0x9F], isFinal: false))
            frames.append(control())
            frames.append(FrameBytes.frame(0, [0x98, 0x41]))
        case .unfinishedText: addFragments(of: payload + [0xE2, 0x82], opcode: 1, count: number(1...3))
        case .oversizedFrame:
            let claimed = UInt64(mostMessageBytes) + UInt64(number(1...1 << 40))
            frames.append(FrameBytes.frame(UInt8(number(1...2)), [0x61], claimedLength: claimed))
        case .oversizedFragments:
            let first = number(0...20) == 0 ? mostMessageBytes : number(1...1_000)
            addFragments(of: [UInt8](repeating: 0x61, count: first), opcode: 2, count: number(1...3), isFinished: false)
            frames.append(
                FrameBytes.frame(0, [0x61], claimedLength: UInt64(mostMessageBytes - first + number(1...300))))
        case .closeCode:
            let codes: [UInt16] = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2_000, 2_999, 5_000, 65_535]
            frames.append(close(code: codes.randomElement(using: &generator)!, reason: text(20)))
        case .closeReason: frames.append(close(code: 1000, reason: text(20) + [0xC3]))
        case .fragmentedControl:
            frames.append(FrameBytes.frame(UInt8(number(8...10)), Array(payload.prefix(2)), isFinal: false))
        case .longControl: frames.append(FrameBytes.frame(UInt8(number(8...10)), random(number(126...300))))
        case .longLength:
            let isShort = Bool.random(using: &generator)
            frames.append(FrameBytes.frame(1, payload, lengthField: isShort ? 2 : 8))
        case .lengthBeyond63Bits: frames.append(FrameBytes.frame(2, payload, claimedLength: 1 << 63 | 5))
        case .shortClose: frames.append(FrameBytes.frame(8, [0x03]))
        case .newCloseCode: frames.append(close(code: UInt16(number(1012...1014)), reason: text(20)))
        }
    }
}
