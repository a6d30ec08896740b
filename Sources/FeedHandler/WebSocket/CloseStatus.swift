/// What a close frame says (RFC 6455, section 5.5.1).
package struct CloseStatus: Sendable, Equatable {
    /// The code, nil where none was sent.
    package var code: UInt16?
    /// The text behind it.
    package var reason: String

    /// Reads a close frame's payload.
    package init(payload: UnsafeRawBufferPointer) throws(WebSocketViolation) {
        guard unsafe !payload.isEmpty else {
            (code, reason) = (nil, "")
            return
        }
        guard payload.count >= 2 else { throw .malformedClose }
        let code = unsafe UInt16(payload[0]) << 8 | UInt16(payload[1])
        // Section 7.4: 1000-1003 and 1007-1014 are defined for the wire, 3000-4999 for libraries and applications.
        guard (1000...1003).contains(code) || (1007...1014).contains(code) || (3000...4999).contains(code) else {
            throw .malformedClose
        }
        let text = unsafe UnsafeRawBufferPointer(rebasing: payload.dropFirst(2))
        var check = UTF8Check()
        guard unsafe check.take(text), check.isComplete else { throw .invalidUTF8 }
        self.code = code
        reason = unsafe String(decoding: text, as: UTF8.self)
    }
}
