/// The messages of several recorded files in the order of their arrival; each file's own order stands, and of equal times
/// the file named first comes first. Used by one thread.
package struct MergedRecordings {
    /// All files' readers.
    package let readers: [RecordingReader]
    /// Index of the file whose reader stands at the present message; valid after `next` has returned true.
    package private(set) var file = 0
    private var isLeft: [Bool]
    private var isBegun = false

    /// Opens all files.
    ///
    /// - Throws: `RecordingError`.
    package init(paths: [String]) throws(RecordingError) {
        var readers: [RecordingReader] = []
        for path in paths { readers.append(try RecordingReader(path: path)) }
        self.readers = readers
        isLeft = readers.map { _ in true }
    }

    /// The reader that stands at the present message.
    package var reader: RecordingReader { readers[file] }

    /// Size of all files as they are, and how much of that was read.
    package var progressBytes: (done: Int, total: Int) {
        readers.reduce((0, 0)) { ($0.0 + $1.progressBytes.done, $0.1 + $1.progressBytes.total) }
    }

    /// Goes to the next message; false at the end. O(files + line).
    ///
    /// - Throws: `RecordingError`.
    package mutating func next() throws(RecordingError) -> Bool {
        if isBegun {
            isLeft[file] = try readers[file].next()
        } else {
            isBegun = true
            for file in readers.indices { isLeft[file] = try readers[file].next() }
        }
        var earliest: Int?
        for file in readers.indices where isLeft[file] {
            if let best = earliest, readers[best].message.arrivalNanos <= readers[file].message.arrivalNanos {
                continue
            }
            earliest = file
        }
        guard let earliest else { return false }
        file = earliest
        return true
    }
}
