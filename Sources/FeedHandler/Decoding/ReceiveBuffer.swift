/// Memory that received bytes land in and messages are decoded from in place.
///
/// Bytes are written to `writableTail`, declared with `didReceive`, looked at as `readable` and consumed from the front.
/// `makeRoom` carries a partial frame to the front when the tail runs short. The seam for reading straight into a mapped
/// journal segment: that owner will offer the same five operations on the segment's memory. Owned by one thread.
@safe package struct ReceiveBuffer: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds the memory.
    private let memory: UnsafeMutableRawPointer
    /// Bytes the memory holds.
    package let capacityBytes: Int
    private var start = 0
    private var end = 0

    /// Allocates once; pages that are never written cost no memory.
    package init(capacityBytes: Int) {
        precondition(capacityBytes > 0, "an empty receive buffer")
        self.capacityBytes = capacityBytes
        unsafe memory = .allocate(byteCount: capacityBytes, alignment: 64)
    }

    deinit { unsafe memory.deallocate() }

    /// Where the next read may write; empty only when the buffer is full of unconsumed bytes.
    @inline(__always)
    package var writableTail: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: memory + end, count: capacityBytes - end)
    }

    /// Received and not consumed; valid until the next `makeRoom`.
    @inline(__always)
    package var readable: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: memory + start, count: end - start)
    }

    /// Declares that `count` bytes were written to the tail.
    @inline(__always)
    package mutating func didReceive(_ count: Int) {
        precondition(count <= capacityBytes - end, "more received than there was room for")
        end += count
    }

    /// Gives `count` bytes at the front up.
    @inline(__always)
    package mutating func consume(_ count: Int) {
        precondition(count <= end - start, "more consumed than received")
        start += count
        if start == end { (start, end) = (0, 0) }
    }

    /// Moves what is readable to the front unless the tail already has `count` bytes. O(readable bytes) when it moves.
    @inline(__always)
    package mutating func makeRoom(for count: Int) {
        guard capacityBytes - end < count, start > 0 else { return }
        unsafe memory.copyMemory(from: memory + start, byteCount: end - start)
        (start, end) = (0, end - start)
    }

    /// Forgets everything, for the next connection.
    package mutating func removeAll() { (start, end) = (0, 0) }
}
