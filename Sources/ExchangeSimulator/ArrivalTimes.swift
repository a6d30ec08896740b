internal import Glibc

/// The arrival times that some recordings have beside them: one Unix time in nanoseconds per line.
struct ArrivalTimes {
    /// Lines of at most 20 bytes: room for some 50 million messages.
    static let limitBytes = 1 << 30

    private let path: String
    private let content: [UInt8]
    private var position = 0
    private var line = 0

    /// Reads the sibling of the recording at `path`; nil where there is none.
    init?(besides path: String) throws(SimulatorError) {
        guard let stem = [".ndjson.gz", ".ndjson"].first(where: path.hasSuffix).map({ path.dropLast($0.count) }),
            let sibling = ["\(stem).recv_ns.gz", "\(stem).recv_ns"].first(where: Self.exists)
        else { return nil }
        self.path = sibling
        content = try GzipReader(path: sibling).readAll(limitBytes: Self.limitBytes)
    }

    private static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// The next line's time.
    mutating func next() throws(SimulatorError) -> Int64 {
        line += 1
        guard position < content.count else {
            throw .arrivalTimes(path: path, reason: "it ends after \(line - 1) lines, before the recording does")
        }
        let start = position
        while position < content.count, content[position] != UInt8(ascii: "\n") { position += 1 }
        let value = MessageScanner.integer(content.span, start..<position)
        position += 1
        guard let value, let nanos = Int64(exactly: value) else {
            throw .arrivalTimes(path: path, reason: "line \(line) is not a time")
        }
        return nanos
    }

    /// Refuses times left over.
    func checkUsedUp() throws(SimulatorError) {
        guard position >= content.count else {
            throw .arrivalTimes(path: path, reason: "it has more lines than the recording's \(line)")
        }
    }
}
