internal import Glibc

/// Gives out the lines of a gzip or plain file, one after the other, from memory that does not grow with the file.
struct LineReader: ~Copyable {
    /// Bytes that are read at a time.
    private static let pieceBytes = 256 << 10
    /// The longest line; messages are below 1 MiB.
    private static let mostLineBytes = 64 << 20

    private var file: GzipReader
    private let path: String
    private var buffer = [UInt8](repeating: 0, count: LineReader.pieceBytes)
    /// End of what was read.
    private var end = 0
    /// Where the next line begins.
    private var position = 0
    private var isAtEnd = false
    /// The present line's number, from 1.
    private(set) var number = 0
    /// Where it is in the bytes that `withBytes` gives, without the line's end.
    private(set) var line = 0..<0

    /// Opens `path`.
    init(path: String) throws(RecordingError) {
        file = try GzipReader(path: path)
        self.path = path
    }

    /// Size of the file as it is, and how much of that was read.
    var progressBytes: (done: Int, total: Int) { (file.readBytes, file.fileBytes) }

    /// Goes to the next line; false at the end. A last one needs no line end.
    ///
    /// - Throws: `unreadable`, `damagedGzip`, `endlessLine`.
    mutating func next() throws(RecordingError) -> Bool {
        var searched = position
        while true {
            if let lineEnd = lineEnd(from: searched) {
                give(position..<lineEnd)
                position = lineEnd + 1
                return true
            }
            if isAtEnd {
                guard position < end else { return false }
                give(position..<end)
                position = end
                return true
            }
            searched = end - position
            try fill()
        }
    }

    /// Calls `body` with the memory that `line` lies in.
    func withBytes<Result>(_ body: (Span<UInt8>) -> Result) -> Result { body(buffer.span) }

    private mutating func give(_ range: Range<Int>) {
        line = range
        number += 1
    }

    private func lineEnd(from start: Int) -> Int? {
        unsafe buffer.withUnsafeBytes { memory in
            guard let base = memory.baseAddress, start < end,
                let found = unsafe memchr(base + start, Int32(UInt8(ascii: "\n")), end - start)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    /// Moves what is left to the front and reads on behind it.
    private mutating func fill() throws(RecordingError) {
        let (start, count) = (position, end - position)
        unsafe buffer.withUnsafeMutableBytes { memory in
            guard start > 0, let base = memory.baseAddress else { return }
            unsafe base.copyMemory(from: base + start, byteCount: count)
        }
        (position, end) = (0, count)
        if end == buffer.count {
            guard end < Self.mostLineBytes else { throw .endlessLine(path: path, line: number + 1) }
            buffer += [UInt8](repeating: 0, count: end)
        }
        let read = try file.read(into: &buffer, from: end)
        end += read
        isAtEnd = read == 0
    }
}
