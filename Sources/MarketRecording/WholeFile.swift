/// A plain or gzip file as one piece.
public enum WholeFile {
    /// The most bytes of a file's content: all symbols of an exchange take some 20 MiB.
    public static let mostBytes = 256 << 20

    /// The content of a file, inflated where it is gzip. O(bytes).
    ///
    /// - Throws: `unreadable`, `damagedGzip`; `tooLarge` above `mostBytes`.
    public static func bytes(at path: String) throws(RecordingError) -> [UInt8] {
        var reader = try GzipReader(path: path)
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while case let count = try reader.read(into: &piece, from: 0), count > 0 {
            bytes += piece[..<count]
            guard bytes.count <= mostBytes else { throw .tooLarge(path: path, limitBytes: mostBytes) }
        }
        return bytes
    }
}
