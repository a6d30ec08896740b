internal import CJournal
import Glibc
internal import TradingModel

/// The file operations behind segments. Cold: they block, and only the keeper and readers use them.
enum SegmentFile {
    /// What segment files end with.
    static let suffix = ".segment"
    /// What stands behind that until the file has its size.
    static let unfinishedSuffix = ".new"

    /// The name of a segment's file in the journal's folder, such as `feed-0.000000000012.segment`.
    static func name(_ chain: JournalChain, _ segment: UInt64) -> String {
        let digits = String(segment)
        return "\(chain).\(String(repeating: "0", count: max(0, 12 - digits.count)))\(digits)\(suffix)"
    }

    /// Understands such a name; nil for any other.
    static func parse(name: String) -> (chain: JournalChain, segment: UInt64)? {
        guard name.hasSuffix(suffix) else { return nil }
        let parts = name.dropLast(suffix.count).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let segment = UInt64(parts[1]), segment > 0, let dash = parts[0].lastIndex(of: "-"),
            let index = Int(parts[0][parts[0].index(after: dash)...]), index >= 0,
            let kind = ChainKind.allCases.first(where: { $0.name == parts[0][..<dash] })
        else { return nil }
        return (JournalChain(kind, index), segment)
    }

    /// Makes a file of `bytes`, all of it allocated on the disk, and maps it. It has its name once it has its size: an empty
    /// file under that is never what a kill left.
    static func create(path: String, bytes: Int) throws(JournalError) -> (
        base: UnsafeMutablePointer<UInt8>, descriptor: Int32
    ) {
        let unfinished = path + unfinishedSuffix
        let descriptor = unsafe open(unfinished, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw error(errno, path) }
        // Allocated now, so that writing to the mapping can never find the disk full.
        var code = posix_fallocate(descriptor, 0, off_t(bytes))
        if code == 0, unsafe rename(unfinished, path) != 0 { code = errno }
        guard code == 0 else {
            close(descriptor)
            unsafe unlink(unfinished)
            throw error(code, path)
        }
        do throws(JournalError) { return try unsafe map(descriptor, path: path, bytes: bytes) } catch {
            unsafe unlink(path)
            throw error
        }
    }

    /// Maps a file that was a segment before, under its new name; its header no longer says anything.
    static func recycle(from old: String, to path: String, bytes: Int) throws(JournalError) -> (
        base: UnsafeMutablePointer<UInt8>, descriptor: Int32
    ) {
        let descriptor = unsafe open(old, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(path: old, reason: text(errno)) }
        // First the header: under either name it is then a segment that nobody has begun.
        let zeros = [UInt8](repeating: 0, count: Int(JOURNAL_HEADER_BYTES))
        let isWiped = unsafe zeros.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        // And on the disk before the name, or a power loss could leave the old header under the new one, which no start takes.
        guard isWiped == zeros.count, fdatasync(descriptor) == 0, unsafe rename(old, path) == 0 else {
            let code = errno
            close(descriptor)
            throw .system(path: old, reason: text(code))
        }
        do throws(JournalError) { return try unsafe map(descriptor, path: path, bytes: bytes) } catch {
            unsafe unlink(path)
            throw error
        }
    }

    private static func map(_ descriptor: Int32, path: String, bytes: Int) throws(JournalError) -> (
        base: UnsafeMutablePointer<UInt8>, descriptor: Int32
    ) {
        // Populated, so that the writer's first touch of a page finds it in memory.
        let memory = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            let code = errno
            close(descriptor)
            throw .system(path: path, reason: text(code))
        }
        return unsafe (memory.assumingMemoryBound(to: UInt8.self), descriptor)
    }

    /// Memory in the place of a file, for as long as the disk refuses.
    static func volatile(bytes: Int) -> UnsafeMutablePointer<UInt8>? {
        let memory = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else { return nil }
        return unsafe memory.assumingMemoryBound(to: UInt8.self)
    }

    /// Unmaps and closes.
    static func release(_ handle: SegmentHandle) {
        unsafe munmap(handle.base, Int(handle.segmentBytes))
        if handle.descriptor >= 0 { close(handle.descriptor) }
    }

    private static func error(_ code: Int32, _ path: String) -> JournalError {
        code == ENOSPC || code == EDQUOT ? .full(path: path) : .system(path: path, reason: text(code))
    }

    /// The system's words for an error number.
    static func text(_ code: Int32) -> String {
        guard let words = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: words)
    }
}
