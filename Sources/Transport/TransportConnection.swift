internal import CCurl
import Glibc

/// What a nonblocking read gave.
public enum ReceiveResult: Sendable, Equatable {
    /// So many bytes, at least one.
    case bytes(Int)
    /// Nothing now; wait for the descriptor.
    case wouldBlock
    /// The peer closed its side in order.
    case closed
}

/// One TCP or TLS connection, through a proxy where asked for; closed when it goes out of scope.
///
/// Owned by one thread at a time. After `init` nothing blocks: wait on `descriptor` with poll, and read until
/// `wouldBlock` before waiting, because TLS may hold decrypted bytes that the descriptor does not show.
@safe public struct TransportConnection: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds the handle; moving it is the hand-over.
    private let handle: UnsafeMutableRawPointer
    /// libcurl's words about the first failure; it writes there for as long as the handle lives.
    private let words: UnsafeMutablePointer<CChar>
    private let endpointName: String
    /// The socket, for poll only.
    public let descriptor: Int32

    /// Connects; blocks until TCP, proxy and TLS are ready or `connectTimeoutMillis` have passed. TCP_NODELAY is set.
    ///
    /// - Throws: any `TransportError`; `cancelled` where `cancellation` was cancelled.
    public init(
        connectingTo endpoint: TransportEndpoint, cancellation: ConnectCancellation? = nil
    ) throws(TransportError) {
        precondition(CurlLibrary.isReady, "libcurl cannot start")
        guard let handle = unsafe curl_easy_init() else {
            throw .failed(endpoint: endpoint.name, code: Int(CURLE_OUT_OF_MEMORY.rawValue), detail: "out of memory")
        }
        let words = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        do throws(TransportError) {
            unsafe descriptor = try Self.connect(handle, endpoint, words, cancellation)
        } catch {
            unsafe curl_easy_cleanup(handle)
            unsafe words.deallocate()
            throw error
        }
        unsafe self.handle = handle
        unsafe self.words = words
        endpointName = endpoint.name
    }

    deinit {
        unsafe curl_easy_cleanup(handle)
        unsafe words.deallocate()
    }

    /// Reads what is there into `buffer`, which must not be empty. One system call on plain TCP.
    ///
    /// - Throws: `reset`, `clientCertificateRefused` (TLS 1.3 servers say so after the handshake), or `failed` with
    ///   libcurl's code.
    public borrowing func receive(
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(TransportError) -> ReceiveResult {
        var count = 0
        let code = unsafe curl_easy_recv(handle, buffer.baseAddress, buffer.count, &count)
        if code == CURLE_OK { return count > 0 ? .bytes(count) : .closed }
        if code == CURLE_AGAIN { return .wouldBlock }
        throw failure(code)
    }

    /// Hands as many of `bytes` as fit to the socket; 0 when it takes none now.
    ///
    /// Over TLS a call after one that took none must begin with the same bytes at the same address: OpenSSL has encrypted
    /// them already and refuses others.
    /// - Throws: as `receive`.
    public borrowing func send(_ bytes: UnsafeRawBufferPointer) throws(TransportError) -> Int {
        var count = 0
        let code = unsafe curl_easy_send(handle, bytes.baseAddress, bytes.count, &count)
        if code == CURLE_OK { return count }
        if code == CURLE_AGAIN { return 0 }
        throw failure(code)
    }

    private borrowing func failure(_ code: CURLcode) -> TransportError {
        let systemError = unsafe CurlLibrary.systemError(handle)
        let detail = unsafe String(cString: words)
        if TransportError.isCertificateAlert(detail) {
            return .clientCertificateRefused(endpoint: endpointName, detail: detail)
        }
        if [ECONNRESET, EPIPE, ETIMEDOUT].contains(systemError) { return .reset(endpoint: endpointName) }
        return .failed(
            endpoint: endpointName, code: Int(code.rawValue),
            detail: systemError != 0
                ? unsafe String(cString: strerror(systemError))
                : detail.isEmpty ? unsafe String(cString: curl_easy_strerror(code)) : detail)
    }
}
