// Public because the compiler lets inlinable code use nothing less; no C type is in a public signature.
public import CSPSCRing

/// Where one consumer thread sleeps while all its rings are empty.
///
/// The consumer calls `prepare`, looks at its rings once more, then `wait` or `cancel`. Any thread may `wake`.
@safe public final class Parker: @unchecked Sendable {
    // Unchecked: all access to the memory goes through the C functions' atomics.
    @usableFromInline let raw: UnsafeMutablePointer<spsc_parker>

    /// Allocates a parker in the running state.
    public init() {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<spsc_parker>.size, alignment: Int(SPSC_RING_PAD_BYTES))
        unsafe raw = memory.assumingMemoryBound(to: spsc_parker.self)
        unsafe spsc_parker_init(raw)
    }

    deinit { unsafe UnsafeMutableRawPointer(raw).deallocate() }

    /// Consumer: announces that it is about to sleep.
    @inlinable @inline(__always)
    public func prepare() { unsafe spsc_parker_prepare(raw) }

    /// Consumer: takes the announcement back.
    @inlinable @inline(__always)
    public func cancel() { unsafe spsc_parker_cancel(raw) }

    /// Consumer: sleeps until woken or for `timeoutNanos`.
    public func wait(timeoutNanos: UInt64) { unsafe spsc_parker_wait(raw, timeoutNanos) }

    /// Any thread: wakes the consumer if it is parked; otherwise one load.
    @inlinable @inline(__always)
    public func wake() { _ = unsafe spsc_parker_wake(raw) }
}
