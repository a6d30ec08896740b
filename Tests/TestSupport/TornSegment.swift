import Foundation

/// What a power loss leaves of a journal's segment file, written by the format of `journal_segment.h`.
public enum TornSegment {
    /// Where the table of entries begins, and the size of each.
    public static let (tableOffset, entryBytes) = (4_096, 64)
    /// The unit in which the system brings a file to the disk.
    public static let pageBytes = 4_096

    /// What is found in the place of a page that never got there.
    public enum Page: String, CaseIterable, Sendable {
        /// Nothing was ever written there.
        case zeros
        /// What the disk held before.
        case garbage
        /// The first half got there, of the rest nothing.
        case half
    }

    /// Lets the file say that its first `entries` entries are known to be on disk; nil: nothing of that, as versions did that
    /// noted none.
    public static func note(_ entries: Int?, in path: String) throws {
        let word = entries.map { UInt64($0) | 1 << 63 } ?? 0
        try write(withUnsafeBytes(of: word) { Data($0) }, at: 192, in: path)
    }

    /// Puts `page` in the place of the one at `offset`, a multiple of its size.
    public static func tear(_ path: String, at offset: Int, _ page: Page) throws {
        precondition(offset % pageBytes == 0, "a page begins at a multiple of its size")
        let bytes: Data =
            switch page {
            case .zeros: Data(count: pageBytes)
            case .garbage: Data((0..<pageBytes).map { UInt8(truncatingIfNeeded: 0xA5 ^ $0 &* 13) })
            case .half: Data(count: pageBytes / 2)
            }
        try write(bytes, at: offset + pageBytes - bytes.count, in: path)
    }

    private static func write(_ bytes: Data, at offset: Int, in path: String) throws {
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { try? file.close() }  // what was written is with the system
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: bytes)
    }
}
