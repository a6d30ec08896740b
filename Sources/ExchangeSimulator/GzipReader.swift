internal import CZlib
internal import Glibc

/// Reads a gzip or a plain file from beginning to end, on one thread.
@safe struct GzipReader: ~Copyable {
    /// Bytes asked for per call.
    static let chunkBytes = 256 << 10

    private let file: gzFile
    private let path: String

    /// Opens `path`.
    init(path: String) throws(SimulatorError) {
        guard let file = unsafe gzopen(path, "rb") else {
            throw .unreadableFile(path: path, reason: Self.systemMessage(errno))
        }
        unsafe self.file = file
        self.path = path
    }

    deinit { unsafe gzclose_r(file) }

    /// The whole content, at most `limitBytes`.
    consuming func readAll(limitBytes: Int) throws(SimulatorError) -> [UInt8] {
        // zlib reads what is not gzip as it is; under the name .gz that is a mistake. The check reads the first bytes.
        if path.hasSuffix(".gz"), unsafe gzdirect(file) == 1 {
            // A folder or an unreadable file fails here too: its own reason is the better one.
            try check(readResult: unsafe gzread(file, nil, 0))
            throw .damagedGzip(path: path, reason: "no gzip header")
        }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: Self.chunkBytes)
        while true {
            let count = unsafe gzread(file, &chunk, UInt32(Self.chunkBytes))
            try check(readResult: count)
            if count == 0 { return content }
            guard content.count + Int(count) <= limitBytes else {
                throw .recordingTooLarge(path: path, limitBytes: limitBytes)
            }
            content.append(contentsOf: chunk[..<Int(count)])
        }
    }

    /// A truncated file shows only here: zlib hands out what it has and then reports `Z_BUF_ERROR`.
    private func check(readResult: Int32) throws(SimulatorError) {
        var code: Int32 = 0
        let message = unsafe gzerror(file, &code)
        if code == Z_ERRNO { throw .unreadableFile(path: path, reason: Self.systemMessage(errno)) }
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
