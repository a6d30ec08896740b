import Glibc

/// Bytes on their way to standard output, written in pieces of 64 KiB.
struct QueryOutput {
    private static let pieceBytes = 1 << 16

    /// What is not written yet; formatters append here.
    var bytes: [UInt8] = []
    /// False once the reader has gone, as `head` does: what follows need not be made.
    private(set) var isOpen = true

    /// Writes once there is enough for a piece.
    mutating func flushIfFull() throws(QueryError) {
        if bytes.count >= Self.pieceBytes { try flush() }
    }

    /// Writes lines.
    mutating func print(_ lines: [String]) throws(QueryError) {
        for line in lines { bytes += (line + "\n").utf8 }
        try flush()
    }

    /// Writes everything.
    mutating func flush() throws(QueryError) {
        var rest = bytes[...]
        while isOpen, !rest.isEmpty {
            let written = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if written >= 0 {
                rest = rest.dropFirst(written)
            } else if errno == EPIPE {
                isOpen = false
            } else if errno == EAGAIN {
                var request = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                poll(&request, 1, -1)
            } else if errno != EINTR {
                throw .output(reason: String(cString: strerror(errno)))
            }
        }
        bytes.removeAll(keepingCapacity: true)
    }
}
