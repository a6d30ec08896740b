internal import CZlib
internal import Glibc

/// Reads a gzip or a plain file from beginning to end, on one thread.
///
/// A gzip file is whole members, one after the other, and nothing behind them: what `gzip` passes over with a warning is
/// refused here, for it may be the rest of a recording.
@safe struct GzipReader: ~Copyable {
    /// What is read and inflated at once.
    private static let bufferBytes = 128 << 10
    /// The largest window, and a gzip header and trailer around each member.
    private static let windowBits: Int32 = 15 + 16

    private let descriptor: Int32
    private let path: String
    /// Size of the file as it is.
    let fileBytes: Int
    /// How much of the file as it is was read.
    private(set) var readBytes = 0
    private let isGzip: Bool
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutablePointer<UInt8>
    /// Whether the next byte is a member's first; nothing was inflated of that.
    private var isBetweenMembers = true
    private var members = 0

    /// Opens `path`.
    ///
    /// - Throws: `unreadable`; `notAFile`; `damagedGzip` for a file named `.gz` that does not begin like one.
    init(path: String) throws(RecordingError) {
        let file = try Self.open(path)
        self.path = path
        (descriptor, fileBytes, isGzip) = file
        unsafe input = .allocate(capacity: Self.bufferBytes)
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let result = unsafe inflateInit2_(
            stream, Self.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(result == Z_OK, "zlib has no memory, or is not the one this was built with: \(result)")
    }

    private static func open(
        _ path: String
    ) throws(RecordingError) -> (descriptor: Int32, bytes: Int, isGzip: Bool) {
        // Not to wait for a pipe's writer.
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .unreadable(path: path, reason: systemMessage(errno)) }
        var status = stat()
        let isKnown = unsafe fstat(descriptor, &status) == 0
        // A folder is named by who reads it.
        guard isKnown, [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT) else {
            close(descriptor)
            throw .notAFile(path: path)
        }
        var magic: (UInt8, UInt8) = (0, 0)
        let count = unsafe pread(descriptor, &magic, 2, 0)
        let code = errno
        let isGzip = count == 2 && magic == (0x1F, 0x8B)
        guard count >= 0, isGzip || !path.hasSuffix(".gz") else {
            close(descriptor)
            throw count < 0
                ? .unreadable(path: path, reason: systemMessage(code))
                : .damagedGzip(path: path, reason: "no gzip header")
        }
        return (descriptor, Int(status.st_size), isGzip)
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
        unsafe input.deallocate()
        close(descriptor)
    }

    /// Fills `buffer` from `start` on as far as one call does and returns the number of bytes; 0 at the end.
    ///
    /// - Throws: `unreadable`, `damagedGzip`.
    mutating func read(into buffer: inout [UInt8], from start: Int) throws(RecordingError) -> Int {
        let room = buffer.count - start
        guard isGzip else {
            let count = unsafe buffer.withUnsafeMutableBytes { memory in
                unsafe Glibc.read(descriptor, memory.baseAddress.map { unsafe $0 + start }, room)
            }
            return try took(count)
        }
        while true {
            if unsafe stream.pointee.avail_in == 0 {
                let count = try took(unsafe Glibc.read(descriptor, input, Self.bufferBytes))
                unsafe stream.pointee.next_in = unsafe input
                unsafe stream.pointee.avail_in = UInt32(count)
                guard count > 0 else {
                    guard isBetweenMembers else { throw .damagedGzip(path: path, reason: "it ends too early") }
                    return 0
                }
            }
            if isBetweenMembers { unsafe inflateReset(stream) }
            isBetweenMembers = false
            let result = unsafe buffer.withUnsafeMutableBytes { memory in
                unsafe stream.pointee.next_out = unsafe memory.baseAddress.map {
                    unsafe ($0 + start).assumingMemoryBound(to: UInt8.self)
                }
                unsafe stream.pointee.avail_out = UInt32(room)
                return unsafe inflate(stream, Z_NO_FLUSH)
            }
            try check(result)
            let count = unsafe room - Int(stream.pointee.avail_out)
            if count > 0 { return count }
        }
    }

    private mutating func check(_ result: Int32) throws(RecordingError) {
        switch result {
        case Z_OK, Z_BUF_ERROR: return
        case Z_STREAM_END:
            isBetweenMembers = true
            members += 1
        default:
            // A header that is none, behind a whole member.
            if members > 0, unsafe stream.pointee.total_out == 0 {
                throw .damagedGzip(path: path, reason: "behind its end is something else")
            }
            let message = unsafe stream.pointee.msg
            let text =
                if let message = unsafe message { unsafe String(cString: message) } else { "zlib code \(result)" }
            throw .damagedGzip(path: path, reason: text)
        }
    }

    private mutating func took(_ count: Int) throws(RecordingError) -> Int {
        guard count >= 0 else { throw .unreadable(path: path, reason: Self.systemMessage(errno)) }
        readBytes += count
        return count
    }

    private static func systemMessage(_ number: Int32) -> String {
        guard number != 0, let text = unsafe strerror(number) else { return "out of memory" }
        return unsafe String(cString: text)
    }
}
