internal import CHiredis
import Glibc

/// An eventfd through which any thread ends another thread's `poll`.
@safe final class Wakeup: Sendable {
    /// The descriptor to poll for reading.
    let descriptor: Int32

    /// Opens the descriptor; a process that can't have one more descriptor at its start is broken and traps.
    init() {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        precondition(descriptor >= 0, "no eventfd: error \(errno)")
    }

    deinit { close(descriptor) }

    /// Any thread: makes the descriptor readable. One system call, never blocks, no allocation.
    func wake() {
        // The only possible failure is EAGAIN at a count of 2⁶⁴ − 2, when the descriptor is readable anyway.
        _ = eventfd_write(descriptor, 1)
    }

    /// The waiting thread: takes all wake-ups so far.
    func clear() {
        var count: eventfd_t = 0
        // EAGAIN: there was none.
        _ = unsafe eventfd_read(descriptor, &count)
    }
}
