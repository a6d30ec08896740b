internal import Glibc

/// The arrival times that some recordings have beside them: one Unix time in nanoseconds per line.
struct ArrivalTimes: ~Copyable {
    private let path: String
    private var lines: LineReader

    /// Opens the sibling of the recording at `path`; nil where there is none.
    init?(besides path: String) throws(RecordingError) {
        guard let stem = [".ndjson.gz", ".ndjson"].first(where: path.hasSuffix).map({ path.dropLast($0.count) }),
            let sibling = ["\(stem).recv_ns.gz", "\(stem).recv_ns"].first(where: Self.exists)
        else { return nil }
        self.path = sibling
        lines = try LineReader(path: sibling)
    }

    private static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// The next line's time.
    mutating func next() throws(RecordingError) -> Int64 {
        guard try lines.next() else {
            throw .arrivalTimes(path: path, reason: "it ends after \(lines.number) lines, before the recording does")
        }
        let line = lines.line
        guard let value = lines.withBytes({ MessageScanner.integer($0, line) }), let nanos = Int64(exactly: value)
        else { throw .arrivalTimes(path: path, reason: "line \(lines.number) is not a time") }
        return nanos
    }

    /// Refuses times left over.
    mutating func checkUsedUp() throws(RecordingError) {
        let count = lines.number
        if try lines.next() {
            throw .arrivalTimes(path: path, reason: "it has more lines than the recording's \(count)")
        }
    }
}
