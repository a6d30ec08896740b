internal import CZlib
internal import Glibc

/// Reads a gzip or a plain file from beginning to end, on one thread.
@safe struct GzipReader: ~Copyable {
    /// What zlib reads and inflates at once.
    private static let bufferBytes: UInt32 = 128 << 10

    private let file: gzFile
    private let path: String
    /// Size of the file as it is.
    let fileBytes: Int

    /// Opens `path`.
    ///
    /// - Throws: `unreadable`; `damagedGzip` for a file named `.gz` that does not begin like one.
    init(path: String) throws(RecordingError) {
        var status = stat()
        unsafe file = try Self.open(path)
        self.path = path
        fileBytes = unsafe stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    private static func open(_ path: String) throws(RecordingError) -> gzFile {
        guard let file = unsafe gzopen(path, "rb") else {
            throw .unreadable(path: path, reason: systemMessage(errno))
        }
        _ = unsafe gzbuffer(file, bufferBytes)
        // zlib reads what is not gzip as it is; under the name .gz that is a mistake. The check reads the first bytes.
        guard path.hasSuffix(".gz"), unsafe gzdirect(file) == 1 else { return unsafe file }
        defer { unsafe gzclose_r(file) }
        // A folder or an unreadable file fails here too: its own reason is the better one.
        try unsafe check(gzread(file, nil, 0), file, path)
        throw .damagedGzip(path: path, reason: "no gzip header")
    }

    deinit { unsafe gzclose_r(file) }

    /// How much of the file as it is was read.
    var readBytes: Int { max(0, Int(unsafe gzoffset(file))) }

    /// Fills `buffer` from `start` on as far as one call does and returns the number of bytes; 0 at the end.
    ///
    /// - Throws: `unreadable`, `damagedGzip`.
    func read(into buffer: inout [UInt8], from start: Int) throws(RecordingError) -> Int {
        let count = unsafe buffer.withUnsafeMutableBytes { memory in
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[start...])
            return unsafe gzread(file, rest.baseAddress, UInt32(rest.count))
        }
        try unsafe Self.check(count, file, path)
        return Int(count)
    }

    /// A truncated file shows only here: zlib hands out what it has and then reports `Z_BUF_ERROR`.
    private static func check(_ readResult: Int32, _ file: gzFile, _ path: String) throws(RecordingError) {
        var code: Int32 = 0
        let message = unsafe gzerror(file, &code)
        if code == Z_ERRNO { throw .unreadable(path: path, reason: systemMessage(errno)) }
        guard readResult >= 0, code == Z_OK || code == Z_STREAM_END else {
            let text = if let message = unsafe message { unsafe String(cString: message) } else { "zlib code \(code)" }
            throw .damagedGzip(path: path, reason: code == Z_BUF_ERROR ? "it ends too early" : text)
        }
    }

    private static func systemMessage(_ number: Int32) -> String {
        guard number != 0, let text = unsafe strerror(number) else { return "out of memory" }
        return unsafe String(cString: text)
    }
}
