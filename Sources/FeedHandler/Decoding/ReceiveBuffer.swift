/// Memory that received bytes land in and messages are decoded from in place.
///
/// Bytes are written to `writableTail`, declared with `didReceive`, looked at as `readable` and consumed from the front. The
/// memory is its own and used again and again, or, after `move(to:)`, someone else's, such as a mapped journal segment: that
/// is written once from front to back, and the owner moves the buffer on when the tail runs short. Owned by one thread.
@safe package struct ReceiveBuffer: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds the memory.
    private var memory: UnsafeMutableRawPointer
    /// Bytes the memory holds.
    package private(set) var capacityBytes: Int
    private var ownsMemory = true
    private var start = 0
    private var end = 0

    /// Allocates once; pages that are never written cost no memory.
    package init(capacityBytes: Int) {
        precondition(capacityBytes > 0, "an empty receive buffer")
        self.capacityBytes = capacityBytes
        unsafe memory = .allocate(byteCount: capacityBytes, alignment: 64)
    }

    deinit { if ownsMemory { unsafe memory.deallocate() } }

    /// Where the next read may write; empty only when the buffer is full of unconsumed bytes.
    @inline(__always)
    package var writableTail: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: memory + end, count: capacityBytes - end)
    }

    /// Received and not consumed; valid until the next `makeRoom` or `move`.
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
        if start == end, ownsMemory { (start, end) = (0, 0) }
    }

    /// Moves what is readable to the front unless the tail already has `count` bytes. O(readable bytes) when it moves. In
    /// another owner's memory nothing moves.
    @inline(__always)
    package mutating func makeRoom(for count: Int) {
        guard capacityBytes - end < count, start > 0, ownsMemory else { return }
        unsafe memory.copyMemory(from: memory + start, byteCount: end - start)
        (start, end) = (0, end - start)
    }

    /// Goes on in `region`, which stays its owner's and begins with a copy of what is readable. O(readable bytes).
    package mutating func move(to region: UnsafeMutableRawBufferPointer) {
        let readable = unsafe readable
        guard let base = region.baseAddress, region.count > readable.count else {
            preconditionFailure("a region without room for what is readable")
        }
        unsafe region.copyMemory(from: readable)
        if ownsMemory { unsafe memory.deallocate() }
        unsafe memory = base
        (capacityBytes, ownsMemory, start, end) = (region.count, false, 0, readable.count)
    }

    /// Forgets everything, for the next connection.
    package mutating func removeAll() { (start, end) = ownsMemory ? (0, 0) : (end, end) }
}
