/// A reply of RESP2.
enum RESPReply {
    case status(String)
    /// The text with its code, such as `ERR no such key`.
    case error(String)
    case integer(Int)
    case bulk(String)
    case null
    case array([RESPReply])

    static let ok = RESPReply.status("OK")

    /// Appends the reply as it goes over the wire.
    func write(to bytes: inout [UInt8]) {
        switch self {
        case .status(let text): bytes += "+\(text)\r\n".utf8
        case .error(let text):
            // What was received may stand in it: a line end would end the reply.
            bytes += "-".utf8
            bytes += text.utf8.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }
            bytes += "\r\n".utf8
        case .integer(let value): bytes += ":\(value)\r\n".utf8
        case .bulk(let text): bytes += "$\(text.utf8.count)\r\n\(text)\r\n".utf8
        case .null: bytes += "$-1\r\n".utf8
        case .array(let elements):
            bytes += "*\(elements.count)\r\n".utf8
            for element in elements { element.write(to: &bytes) }
        }
    }
}

/// Cuts one client's bytes into commands, whatever pieces they come in.
struct RESPRequestReader {
    private var bytes: [UInt8] = []
    /// Where the next command begins.
    private var start = 0

    /// Takes the next piece.
    mutating func take(_ piece: [UInt8]) {
        bytes.removeFirst(start)
        start = 0
        bytes += piece
    }

    /// The words of the next command; nil until all of it is there. Bytes that are no command in RESP trap: whoever sent
    /// them is out of step.
    mutating func next() -> [String]? {
        var at = start
        guard let count = number(after: UInt8(ascii: "*"), &at) else { return nil }
        var words: [String] = []
        for _ in 0..<count {
            guard let length = number(after: UInt8(ascii: "$"), &at), bytes.count >= at + length + 2 else { return nil }
            words.append(String(decoding: bytes[at..<at + length], as: UTF8.self))
            at += length + 2
            precondition(bytes[at - 2] == 0x0D && bytes[at - 1] == 0x0A, "no line end after '\(words)'")
        }
        start = at
        return words
    }

    private func number(after marker: UInt8, _ at: inout Int) -> Int? {
        guard at < bytes.count else { return nil }
        precondition(bytes[at] == marker, "no command in RESP: byte \(bytes[at]) where \(marker) is due")
        guard let end = bytes[at...].firstIndex(of: 0x0D), end + 1 < bytes.count else { return nil }
        let text = String(decoding: bytes[(at + 1)..<end], as: UTF8.self)
        guard let value = Int(text), value >= 0, marker == UInt8(ascii: "$") || value > 0 else {
            preconditionFailure("no length in RESP: '\(text)'")
        }
        at = end + 2
        return value
    }
}
