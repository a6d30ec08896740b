import Foundation

/// The segment files of a journal's folder, by chain. A list made once; readers open what they need.
public struct JournalFolder: Sendable {
    /// One file.
    public struct File: Sendable, Equatable {
        /// The whole path.
        public var path: String
        /// Its number within the chain.
        public var segment: UInt64
        /// Size.
        public var bytes: Int
        /// When it was written last, Unix nanoseconds.
        public var modifiedNanos: Int64

        /// Whether it is there under its name, and begun: a running journal renames and wipes what it recycles.
        var isStillThere: Bool { unsafe access(path, F_OK) == 0 && !JournalFolder.isSpare(path) }

        /// Its reader; nil where a running journal has recycled it since the folder was listed.
        ///
        /// - Throws: what `SegmentReader.init` throws.
        public func reader() throws(JournalError) -> SegmentReader? {
            let reader: SegmentReader
            do throws(JournalError) { reader = try SegmentReader(path: path) } catch {
                guard isStillThere else { return nil }
                throw error
            }
            // Opened under its old name, and another segment by the time it was read.
            return reader.identity.segment == segment || isStillThere ? reader : nil
        }
    }

    /// The folder.
    public let path: String
    /// Begun segments by chain, in order. Files made ahead and never begun are not among them.
    public let chains: [JournalChain: [File]]
    /// Files without a byte by chain, in order: a segment has its size before it has its name.
    public let emptyFiles: [JournalChain: [File]]
    /// Files made ahead and never begun.
    let spares: [String]

    /// Lists the folder; one that does not exist is empty. O(files).
    ///
    /// - Throws: `notAFolder`, `unreadable`, `system` where it can't be read.
    public init(path: String) throws(JournalError) {
        self.path = path
        var chains: [JournalChain: [File]] = [:]
        var emptyFiles: [JournalChain: [File]] = [:]
        var spares: [String] = []
        for name in try Self.names(in: path) {
            let file = "\(path)/\(name)"
            if name.hasSuffix(SegmentFile.suffix + SegmentFile.unfinishedSuffix) { spares.append(file) }
            guard let (chain, segment) = SegmentFile.parse(name: name) else { continue }
            var information = stat()
            // One that the keeper has recycled meanwhile.
            guard unsafe stat(file, &information) == 0 else { continue }
            let found = File(
                path: file, segment: segment, bytes: Int(information.st_size),
                modifiedNanos: Self.nanos(information.st_mtim))
            if Self.isSpare(file) {
                spares.append(file)
                if information.st_size == 0 { emptyFiles[chain, default: []].append(found) }
            } else {
                chains[chain, default: []].append(found)
            }
        }
        self.chains = chains.mapValues { $0.sorted { $0.segment < $1.segment } }
        self.emptyFiles = emptyFiles.mapValues { $0.sorted { $0.segment < $1.segment } }
        self.spares = spares
    }

    /// Whether a running journal has recycled any of the segments since they were listed. O(files).
    public var hasLostSegments: Bool { chains.values.contains { $0.contains { !$0.isStillThere } } }

    private static func names(in path: String) throws(JournalError) -> [String] {
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT: return []
            case ENOTDIR: throw .notAFolder(path: path)
            default: throw .opening(path, errno)
            }
        }
        close(descriptor)
        do { return try FileManager.default.contentsOfDirectory(atPath: path) } catch {
            throw .system(path: path, reason: error.localizedDescription)
        }
    }

    /// Whether a file has no magic number yet, which is written last: nothing was ever appended to it. Nor can anything be in
    /// an empty one.
    private static func isSpare(_ path: String) -> Bool {
        var information = stat()
        // A pipe in its place would wait for its writer.
        guard unsafe stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFREG else { return false }
        guard let file = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? file.close() }  // opened for reading: there is nothing to lose
        do {
            let magic = try file.read(upToCount: 8) ?? Data()
            return (magic.isEmpty || magic.count == 8) && magic.allSatisfy { $0 == 0 }
        } catch { return false }  // whoever opens it says why
    }

    /// Unix nanoseconds of a file's time; a time beyond them, which only a mistake has set, is so late or early that nothing comes
    /// near it, with room for what is later.
    private static func nanos(_ time: timespec) -> Int64 {
        let (nanos, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow, nanos.magnitude < UInt64(Int64.max / 2) else { return time.tv_sec < 0 ? .min : .max / 2 }
        return nanos + Int64(time.tv_nsec)
    }
}
