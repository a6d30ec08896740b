import Glibc

/// Opening of non-blocking sockets.
enum SocketAddress {
    /// Opens a non-blocking socket and starts connecting it; the caller waits for writability and closes it.
    ///
    /// `attempt` counts up from call to call and rotates the addresses of a host name. A host name is resolved by the
    /// system's resolver, which blocks for as long as its own settings say.
    /// - Throws: `connect`.
    static func openSocket(to endpoint: RedisEndpoint, attempt: Int) throws(RedisStreamsError) -> Int32 {
        switch endpoint.transport {
        case .unix(let path): try openUnix(path, endpoint)
        case .tcp(let host, let port): try openTCP(host, port, endpoint, attempt)
        case .sentinels: preconditionFailure("sentinels are asked for an address first (RedisConnector)")
        }
    }

    private static func openUnix(_ path: String, _ endpoint: RedisEndpoint) throws(RedisStreamsError) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { target in
            // Fits: the endpoint was checked against `mostSocketPathBytes`, and the rest is zero.
            unsafe target.copyBytes(from: path.utf8.prefix(RedisEndpoint.mostSocketPathBytes))
        }
        return unsafe try withUnsafeBytes(of: &address) { bytes throws(RedisStreamsError) in
            try unsafe connected(bytes, endpoint)
        }
    }

    private static func openTCP(
        _ host: String, _ port: UInt16, _ endpoint: RedisEndpoint, _ attempt: Int
    ) throws(RedisStreamsError) -> Int32 {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, String(port), &hints, &found)
        guard code == 0, let first = unsafe found else {
            let reason = unsafe gai_strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
            throw .connect("\(endpoint): \(reason)")
        }
        defer { unsafe freeaddrinfo(first) }
        var addresses: [UnsafeRawBufferPointer] = unsafe []
        var next: UnsafeMutablePointer<addrinfo>? = unsafe first
        while let candidate = unsafe next {
            unsafe addresses.append(
                UnsafeRawBufferPointer(
                    start: candidate.pointee.ai_addr, count: Int(candidate.pointee.ai_addrlen)))
            unsafe next = candidate.pointee.ai_next
        }
        var failure = RedisStreamsError.connect("\(endpoint): no address")
        // A refusal may come only after the connection was started, so each attempt begins with another address.
        for index in unsafe addresses.indices {
            do throws(RedisStreamsError) {
                return unsafe try connected(addresses[(index + attempt) % addresses.count], endpoint)
            } catch { failure = error }
        }
        throw failure
    }

    private static func connected(
        _ address: UnsafeRawBufferPointer, _ endpoint: RedisEndpoint
    ) throws(RedisStreamsError) -> Int32 {
        let family = Int32(unsafe address.loadUnaligned(as: sockaddr.self).sa_family)
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, flags, 0)
        guard descriptor >= 0 else { throw .connect("\(endpoint): \(systemMessage(errno))") }
        if family != AF_UNIX {
            var one: Int32 = 1
            // A refusal costs latency, not correctness.
            _ = unsafe setsockopt(
                descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        }
        let code = unsafe connect(
            descriptor, address.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(address.count))
        // EAGAIN: a Unix socket whose queue is full; like a refusal it is retried later.
        guard code == 0 || errno == EINPROGRESS else {
            let reason = systemMessage(errno)
            close(descriptor)
            throw .connect("\(endpoint): \(reason)")
        }
        return descriptor
    }
}
