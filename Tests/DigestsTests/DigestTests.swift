import Digests
import Testing

@Suite struct DigestTests {
    private static func hexadecimal(_ bytes: Span<UInt8>) -> String {
        var text = ""
        for index in bytes.indices {
            let digits = String(bytes[index], radix: 16)
            text += digits.count == 1 ? "0\(digits)" : digits
        }
        return text
    }

    // FIPS 180-4's own examples, and the empty text.
    @Test(
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ]) func `SHA-256 answers the standard's examples`(text: String, expected: String)
    {
        let digest = Digest.sha256(text)
        #expect(Self.hexadecimal(digest.span) == expected)
    }

    @Test func `SHA-1 answers the standard's example`() {
        let digest = Digest.sha1("abc")
        #expect(Self.hexadecimal(digest.span) == "a9993e364706816aba3e25717850c26c9cd0d89d")
    }

    // RFC 4648, section 10.
    @Test(
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ]) func `base64 answers the standard's examples`(text: String, expected: String)
    {
        #expect(Base64.text(of: Array(text.utf8).span) == expected)
    }

    @Test func `random bytes are as many as asked for and do not repeat`() {
        var seen: Set<UInt64> = []
        for _ in 0..<1_000 { seen.insert(SecureRandom.number()) }
        #expect(seen.count == 1_000)
        let key: InlineArray<16, UInt8> = SecureRandom.bytes()
        let other: InlineArray<16, UInt8> = SecureRandom.bytes()
        #expect(Base64.text(of: key.span) != Base64.text(of: other.span))
    }
}
