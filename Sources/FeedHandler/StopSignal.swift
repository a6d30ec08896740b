import Glibc
import Synchronization
internal import Transport

/// Tells a feed's thread to stop, or that there is something new, and wakes it from poll.
final class StopSignal: Sendable {
    /// Ends a connection attempt in progress.
    let cancellation = ConnectCancellation()
    /// Readable once stopped, or woken.
    let descriptor: Int32
    private let writeEnd: Int32
    private let requested = Atomic<Bool>(false)

    /// Opens a pipe; a process that has no descriptors left at its start can't run and traps.
    init() {
        var ends: InlineArray<2, Int32> = [-1, -1]
        let code = unsafe withUnsafeMutableBytes(of: &ends) { ends in
            unsafe pipe(ends.baseAddress?.assumingMemoryBound(to: Int32.self))
        }
        precondition(code == 0, "no descriptors for a pipe: error \(errno)")
        (descriptor, writeEnd) = (ends[0], ends[1])
        for end in [descriptor, writeEnd] {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            // A full pipe wakes as well as one more byte would.
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        close(descriptor)
        close(writeEnd)
    }

    /// Whether the thread must end.
    @inline(__always)
    var isRequested: Bool { requested.load(ordering: .acquiring) }

    /// Asks for the end; any thread, any number of times.
    func request() {
        guard !requested.exchange(true, ordering: .acquiringAndReleasing) else { return }
        cancellation.cancel()
        wake()
    }

    /// Ends the present `wait`, or the next one; any thread.
    func wake() { _ = unsafe write(writeEnd, "!", 1) }

    /// Sleeps until stopped, until `descriptor` (negative: none) is readable, or writable where asked, or until the timeout.
    func wait(for socket: Int32 = -1, orWritable: Bool = false, timeoutMillis: Int32) {
        // poll ignores negative descriptors. Its result does not matter: the caller tries to read and looks at the clock.
        var entries: InlineArray<2, pollfd> = [
            pollfd(fd: socket, events: Int16(orWritable ? POLLIN | POLLOUT : POLLIN), revents: 0),
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        ]
        unsafe withUnsafeMutableBytes(of: &entries) { bytes in
            _ = unsafe poll(bytes.baseAddress?.assumingMemoryBound(to: pollfd.self), 2, timeoutMillis)
        }
        guard entries[1].revents != 0, !isRequested else { return }
        // Whoever waited looks at everything now. A request to stop in between has said so before it wrote.
        var bytes: InlineArray<64, UInt8> = .init(repeating: 0)
        unsafe withUnsafeMutableBytes(of: &bytes) { bytes in _ = unsafe read(descriptor, bytes.baseAddress, 64) }
    }
}
