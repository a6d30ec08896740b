internal import CCrypto

/// Random bytes from libcrypto's generator, as RFC 6455 asks for masks and keys. Any thread.
///
/// A generator that cannot deliver is a broken machine: it traps.
package enum SecureRandom {
    /// Fresh bytes, as many as are asked for by type.
    package static func bytes<let count: Int>() -> InlineArray<count, UInt8> {
        var bytes = InlineArray<count, UInt8>(repeating: 0)
        var span = bytes.mutableSpan
        let result = unsafe span.withUnsafeMutableBufferPointer { output in
            unsafe RAND_bytes(output.baseAddress, Int32(output.count))
        }
        precondition(result == 1, "libcrypto has no random bytes")
        return bytes
    }

    /// A fresh 64-bit number.
    package static func number() -> UInt64 {
        let bytes: InlineArray<8, UInt8> = bytes()
        var number: UInt64 = 0
        for index in bytes.indices { number = number << 8 | UInt64(bytes[index]) }
        return number
    }
}
