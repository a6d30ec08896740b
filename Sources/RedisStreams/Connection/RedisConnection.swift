import Glibc
import ThreadExecutor
import TradingModel

/// One connection to one server: its byte stream and the reply parser. Used by one thread, which also waits on `wakeup`.
///
/// Where `allowsDirectWrites`, the engine's thread sends signals not through here but straight to `descriptor`
/// (`SocketOwnership`).
@safe final class RedisConnection: CommandWriter {
    /// Bytes taken from the socket at once.
    static let receiveBytes = 64 * 1_024

    private enum Stream {
        case plain(PlainSocket)
        case encrypted(EncryptedStream)
    }

    /// The server itself: never an address of sentinels.
    let endpoint: RedisEndpoint
    private let stream: Stream
    private let wakeup: Wakeup
    private let onWake: () -> Void
    private let isStopping: () -> Bool
    private var reader = ReplyReader()
    private let buffer: UnsafeMutableRawBufferPointer

    /// Connects without logging in. Over TLS the attempt blocks until it succeeds, fails or times out.
    ///
    /// `onWake` runs when `wakeup` fires during any wait of this connection; `isStopping` ends every wait.
    /// - Throws: `connect`, `timeout`, `tls`, `certificate` or `stopping`.
    init(
        _ endpoint: RedisEndpoint, attempt: Int = 0, timeoutMillis: Int, wakeup: Wakeup, onWake: @escaping () -> Void,
        isStopping: @escaping () -> Bool
    ) throws(RedisStreamsError) {
        self.endpoint = endpoint
        self.wakeup = wakeup
        self.onWake = onWake
        self.isStopping = isStopping
        if isStopping() { throw .stopping }
        if endpoint.isEncrypted {
            stream = .encrypted(try EncryptedStream(to: endpoint, timeoutMillis: timeoutMillis))
        } else {
            stream = .plain(PlainSocket(descriptor: try SocketAddress.openSocket(to: endpoint, attempt: attempt)))
        }
        unsafe buffer = .allocate(byteCount: Self.receiveBytes, alignment: 16)
        guard case .plain(let socket) = stream else { return }
        let deadline = Deadline(afterMillis: timeoutMillis)
        var ready: Int16 = 0
        repeat { ready = try wait(for: POLLOUT, until: deadline, what: "the connection request") } while ready == 0
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0, code == 0 else {
            throw .connect("\(endpoint): \(systemMessage(code))")
        }
    }

    deinit {
        if case .plain(let socket) = stream { close(socket.descriptor) }
        unsafe buffer.deallocate()
    }

    /// The non-blocking socket, open until `deinit`.
    var descriptor: Int32 {
        switch stream {
        case .plain(let socket): socket.descriptor
        case .encrypted(let stream): stream.descriptor
        }
    }

    /// Whether the engine's thread may write to the descriptor itself: not where bytes must be encrypted first.
    var allowsDirectWrites: Bool {
        guard case .plain = stream else { return false }
        return true
    }

    func write(_ parts: UnsafeMutablePointer<iovec>, _ count: Int) -> WriteResult {
        switch stream {
        case .plain(let socket): unsafe socket.write(parts, count)
        case .encrypted(let stream): unsafe stream.write(parts, count)
        }
    }

    /// Words for a failed `write`.
    func reason(_ code: Int32) -> String {
        guard case .encrypted(let stream) = stream, let failure = stream.failure else { return systemMessage(code) }
        return failure
    }

    /// Waits until the socket is ready for `events`, something arrives at `wakeup` (result 0) or `deadline`.
    ///
    /// - Throws: `timeout` naming `what`, or `stopping`.
    func wait(for events: Int32, until deadline: Deadline, what: String) throws(RedisStreamsError) -> Int16 {
        while true {
            if isStopping() { throw .stopping }
            let left = deadline.millisLeft
            guard left > 0 else { throw .timeout(what) }
            let ready = poll(events: events, timeoutMillis: min(left, 250))
            if ready.woken || ready.socket != 0 { return ready.socket }
        }
    }

    /// One `poll` on socket and wake-up, at most `timeoutMillis`.
    func poll(events: Int32, timeoutMillis: Int) -> (socket: Int16, woken: Bool) {
        var descriptors = (
            pollfd(fd: descriptor, events: Int16(events), revents: 0),
            pollfd(fd: wakeup.descriptor, events: Int16(POLLIN), revents: 0)
        )
        unsafe withUnsafeMutableBytes(of: &descriptors) { bytes in
            // EINTR counts as nothing ready: every caller loops on its own condition.
            let list = unsafe bytes.bindMemory(to: pollfd.self)
            _ = unsafe Glibc.poll(list.baseAddress, 2, Int32(timeoutMillis))
        }
        let woken = descriptors.1.revents != 0
        if woken {
            wakeup.clear()
            onWake()
        }
        return (descriptors.0.revents, woken)
    }

    /// Takes what has arrived, without blocking.
    ///
    /// - Returns: whether the peer has ended the connection; replies before the end can still be taken.
    /// - Throws: `malformedReply` or `certificate`.
    func receive() throws(RedisStreamsError) -> String? {
        while true {
            let result: ReadResult
            switch stream {
            case .plain(let socket): result = unsafe socket.read(into: buffer)
            case .encrypted(let stream): result = unsafe try stream.read(into: buffer)
            }
            switch result {
            case .bytes(let count):
                unsafe try reader.feed(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                // A plain socket that gave less than asked for is empty. TLS gives a record at a time and must be read
                // until it has none, since no poll would show what it holds.
                if unsafe count < buffer.count, allowsDirectWrites { return nil }
            case .blocked: return nil
            case .ended(let reason): return reason
            }
        }
    }

    /// The next whole reply among what was received.
    func nextReply() throws(RedisStreamsError) -> RedisReply? { try reader.next() }

    /// Waits for one reply.
    ///
    /// - Throws: `timeout`, `closed`, `malformedReply` or `stopping`; an error reply is returned, not thrown.
    func awaitReply(until deadline: Deadline, what: String) throws(RedisStreamsError) -> RedisReply {
        while true {
            if let reply = try nextReply() { return reply }
            guard try wait(for: POLLIN, until: deadline, what: what) != 0 else { continue }
            let ending = try receive()
            if let reply = try nextReply() { return reply }
            if let ending { throw .closed(ending) }
        }
    }

    /// Sends bytes completely. Only while the calling thread owns the descriptor.
    ///
    /// - Throws: `timeout`, `closed`, `certificate` or `stopping`.
    func sendAll(_ bytes: [UInt8], until deadline: Deadline, what: String) throws(RedisStreamsError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let result = unsafe rest.withUnsafeBytes { bytes in
                // Read alone: iovec knows no other pointer.
                var part = unsafe iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
                return unsafe write(&part, 1)
            }
            switch result {
            case .wrote(let count): rest = rest.dropFirst(count)
            case .blocked: _ = try wait(for: POLLOUT, until: deadline, what: what)
            case .failed(let code):
                // A server that refuses our certificate says so before it ends the connection.
                _ = try receive()
                throw .closed(reason(code))
            }
        }
    }

    /// Sends one command and waits for its reply.
    ///
    /// - Throws: as `awaitReply`; an error reply is thrown as `server`.
    func request(_ words: [String], timeoutMillis: Int) throws(RedisStreamsError) -> RedisReply {
        let deadline = Deadline(afterMillis: timeoutMillis)
        try sendAll(Self.command(words), until: deadline, what: words[0])
        let reply = try awaitReply(until: deadline, what: words[0])
        if case .error(let message) = reply {
            throw .server(name: ServerErrorPolicy.name(of: message), message: message)
        }
        return reply
    }

    /// Logs in and selects the database.
    ///
    /// - Throws: as `request`, `server` with `WRONGPASS` or `NOPERM` among others.
    func authenticate(_ endpoint: RedisEndpoint, timeoutMillis: Int) throws(RedisStreamsError) {
        if let password = endpoint.password {
            let login = (endpoint.user.map { [$0] } ?? []) + [password]
            _ = try request(["AUTH"] + login, timeoutMillis: timeoutMillis)
        }
        if endpoint.database != 0 {
            _ = try request(["SELECT", "\(endpoint.database)"], timeoutMillis: timeoutMillis)
        }
    }

    /// A command as RESP: an array of bulk strings.
    static func command(_ words: [String]) -> [UInt8] {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words { bytes += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
        return bytes
    }
}

/// A moment on the monotonic clock until which something may take.
struct Deadline {
    let at: MonotonicNanos

    /// `millis` from now.
    init(afterMillis millis: Int) {
        at = MonotonicNanos(rawValue: MonotonicClock.now().rawValue &+ UInt64(millis) &* 1_000_000)
    }

    /// Milliseconds left, rounded up; 0 when it has passed.
    var millisLeft: Int { Int((at.nanos(since: MonotonicClock.now()) + 999_999) / 1_000_000) }
}

/// The system's words for an error number.
func systemMessage(_ code: Int32) -> String {
    unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}
