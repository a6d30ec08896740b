internal import CFeedDecoder

/// Streaming check that a text message is UTF-8 (RFC 3629); see `utf8_check.h`. Owned by one thread.
struct UTF8Check {
    private var state = utf8_state()

    /// Takes the next bytes of a text; false at the first byte that cannot stand there. Linear, no allocation.
    @inline(__always)
    mutating func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        unsafe utf8_check(&state, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// Whether a text may end here.
    @inline(__always)
    var isComplete: Bool { state.pending == 0 }

    /// Begins another text.
    @inline(__always)
    mutating func reset() { state = utf8_state() }
}
