/// Text as a field of a line. O(length).
public enum FieldText {
    /// Appends UTF-8 as a JSON string (RFC 8259, section 7), quotes included.
    @inlinable
    public static func append(json text: some Collection<UInt8>, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: output += "\\u00".utf8 + [hexDigit(byte >> 4), hexDigit(byte & 15)]
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    @usableFromInline
    static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    /// Appends UTF-8 as a field of comma-separated values (RFC 4180), quoted where it has to be.
    @inlinable
    public static func append(csv text: some Collection<UInt8>, to output: inout [UInt8]) {
        guard text.contains(where: { [0x22, 0x2C, 0x0D, 0x0A].contains($0) }) else {
            output += text
            return
        }
        output.append(0x22)
        for byte in text {
            if byte == 0x22 { output.append(0x22) }
            output.append(byte)
        }
        output.append(0x22)
    }
}
