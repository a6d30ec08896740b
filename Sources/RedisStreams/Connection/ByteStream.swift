import Glibc

/// What became of bytes handed to a connection.
enum WriteResult: Equatable {
    /// So many were taken, at least one.
    case wrote(Int)
    /// None are taken now; wait until the descriptor is writable.
    case blocked
    /// The connection is broken: the error number.
    case failed(Int32)
}

/// What a read from a connection gave.
enum ReadResult {
    /// So many bytes, at least one.
    case bytes(Int)
    /// Nothing now; wait until the descriptor is readable.
    case blocked
    /// The peer or the network has ended the connection; the text says how.
    case ended(String)
}

/// Where commands are written: a generic parameter of the outbox's `send`, so that the engine's way is a system call and
/// nothing else.
protocol CommandWriter {
    /// Hands over as many bytes of the `count` parts, one after the other, as are taken without blocking.
    ///
    /// After `blocked` the next call must begin with the same bytes.
    func write(_ parts: UnsafeMutablePointer<iovec>, _ count: Int) -> WriteResult
}

/// A non-blocking TCP or Unix socket by its number, which somebody else opens and closes.
struct PlainSocket: CommandWriter {
    let descriptor: Int32

    /// One system call. // hot path: HotPathTests, probe `sink`
    @inline(__always)
    func write(_ parts: UnsafeMutablePointer<iovec>, _ count: Int) -> WriteResult {
        let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
        while true {
            let written: Int
            if count == 1 {
                written = unsafe send(descriptor, parts[0].iov_base, parts[0].iov_len, flags)
            } else {
                var message = unsafe msghdr()
                unsafe message.msg_iov = parts
                unsafe message.msg_iovlen = count
                written = unsafe sendmsg(descriptor, &message, flags)
            }
            if written >= 0 { return .wrote(written) }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .blocked
            case let code: return .failed(code)
            }
        }
    }

    /// Takes what has arrived.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadResult {
        while true {
            let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { return .bytes(count) }
            if count == 0 { return .ended("the server closed it") }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .blocked
            case let code: return .ended(systemMessage(code))
            }
        }
    }
}
