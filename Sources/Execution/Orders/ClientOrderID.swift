internal import Digests

/// The ids of orders: functions of the signal's id and the leg, so that an order exists once however often it is thought of.
package enum OrderID {
    /// `<signal id>-<two-digit leg>`; a leg outside 0 to 99 is our own mistake and traps.
    package static func text(ofSignal id: String, leg: Int) -> String { "\(id)-\(digits(ofLeg: leg))" }

    fileprivate static func digits(ofLeg leg: Int) -> String {
        precondition((0...99).contains(leg), "a leg has two digits")
        return leg < 10 ? "0\(leg)" : "\(leg)"
    }
}

/// What venues know our orders by: `tl`, 26 characters and `-` with the two-digit leg, 31 of the 36 that Binance allows.
///
/// The characters are the first 130 bits of SHA-256 of the signal's id in base32, in RFC 4648's own (upper-case) alphabet: ids
/// of signals are too long and hold colons. Two signals share one with a chance of about n² / 2¹³¹ among n signals.
package enum ClientOrderID {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)
    private static let characters = 26

    /// The id of a signal's leg; a leg outside 0 to 99 is our own mistake and traps.
    package static func text(ofSignal id: String, leg: Int) -> String {
        let digest = Digest.sha256(id)
        var text = Array("tl".utf8)
        // Bits that are taken in by eights and given out by fives, highest first.
        var (bits, count, next) = (0, 0, 0)
        for _ in 0..<characters {
            if count < 5 {
                bits = (bits & 0x1F) << 8 | Int(digest[next])
                next += 1
                count += 8
            }
            count -= 5
            text.append(alphabet[bits >> count & 0x1F])
        }
        return String(decoding: text, as: UTF8.self) + "-\(OrderID.digits(ofLeg: leg))"
    }
}
