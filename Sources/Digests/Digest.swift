internal import CCrypto

/// Digests of texts, by libcrypto. Any thread; linear in the text.
///
/// A digest that libcrypto does not have is a broken machine: it traps.
package enum Digest {
    /// SHA-1, which the websocket handshake prescribes; good for nothing else.
    package static func sha1(_ text: String) -> InlineArray<20, UInt8> {
        unsafe digest(text, by: EVP_sha1())
    }

    /// SHA-256 (FIPS 180-4).
    package static func sha256(_ text: String) -> InlineArray<32, UInt8> {
        unsafe digest(text, by: EVP_sha256())
    }

    private static func digest<let length: Int>(
        _ text: String, by algorithm: OpaquePointer?
    ) -> InlineArray<length, UInt8> {
        unsafe precondition(EVP_MD_get_size(algorithm) == length, "libcrypto lacks the digest")
        var digest = InlineArray<length, UInt8>(repeating: 0)
        var text = text
        var span = digest.mutableSpan
        let done = unsafe span.withUnsafeMutableBufferPointer { output in
            text.withUTF8 { input in
                unsafe EVP_Digest(input.baseAddress, input.count, output.baseAddress, nil, algorithm, nil)
            }
        }
        precondition(done == 1, "libcrypto lacks the digest")
        return digest
    }
}

/// Base64 with padding (RFC 4648, section 4).
package enum Base64 {
    /// The text of `bytes`.
    package static func text(of bytes: Span<UInt8>) -> String {
        // Four characters for each begun three bytes, and EVP_EncodeBlock's closing zero.
        let capacity = (bytes.count + 2) / 3 * 4 + 1
        return unsafe bytes.withUnsafeBufferPointer { input in
            unsafe String(unsafeUninitializedCapacity: capacity) { output in
                unsafe Int(EVP_EncodeBlock(output.baseAddress, input.baseAddress, Int32(input.count)))
            }
        }
    }
}
