internal import CCurl
import Glibc

/// An HTTP server's whole answer.
public struct RESTAnswer: Sendable, Equatable {
    /// The status code.
    public var status: Int
    /// `Retry-After` as it came.
    public var retryAfter: String?
    /// `Date` as it came.
    public var date: String?
    /// `X-MBX-USED-WEIGHT-1M`: what Binance counts of this address's requests in the present minute.
    public var usedWeight: String?
    /// The body.
    public var body: [UInt8]

    /// Creates an answer.
    public init(status: Int, retryAfter: String? = nil, date: String? = nil, usedWeight: String? = nil, body: [UInt8]) {
        self.status = status
        self.retryAfter = retryAfter
        self.date = date
        self.usedWeight = usedWeight
        self.body = body
    }
}

/// Asks HTTP and HTTPS servers one thing at a time and keeps its connections to them open in between.
///
/// For cold paths: it blocks and allocates. HTTP/1.1, no redirect is followed, certificates are always verified. Owned by
/// one thread at a time; only the cancellation may come from another.
@safe public struct RESTClient: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds the handle; moving it is the hand-over.

    /// Hosts that a connection is kept to; the one unused for longest goes first.
    private static let mostIdleConnections = 8

    private let handle: UnsafeMutableRawPointer
    /// libcurl's words about the first failure of a request; it writes there for as long as the handle lives.
    private let words: UnsafeMutablePointer<CChar>
    private let cancellation: ConnectCancellation

    /// A client without connections. Cancelling `cancellation` ends its request within about a second, and all later ones at
    /// once.
    public init(cancellation: ConnectCancellation = ConnectCancellation()) {
        precondition(CurlLibrary.isReady, "libcurl cannot start")
        guard let handle = unsafe curl_easy_init() else { preconditionFailure("no memory for libcurl") }
        unsafe self.handle = handle
        unsafe words = .allocate(capacity: Int(CURL_ERROR_SIZE))
        self.cancellation = cancellation
    }

    deinit {
        unsafe curl_easy_cleanup(handle)
        unsafe words.deallocate()
    }

    /// Gets `target`, an absolute path with its query, percent-encoded. Blocks until the whole answer is there; any status is
    /// an answer.
    ///
    /// - Parameters:
    ///   - target: what to get.
    ///   - headers: further ones, such as `X-Name: value`.
    ///   - endpoint: from whom; its `connectTimeoutMillis` counts where a connection has to be made.
    ///   - timeoutMillis: limit for the whole request, connecting included; at least 1.
    ///   - mostBodyBytes: a longer body ends the request before memory is used for the rest.
    /// - Throws: any `TransportError`: `timedOut`, `cutOff`, `answerTooLarge`, `cancelled`, and what connecting fails with.
    public borrowing func get(
        _ target: String, headers: [String] = [], from endpoint: TransportEndpoint, timeoutMillis: Int,
        mostBodyBytes: Int
    ) throws(TransportError) -> RESTAnswer {
        precondition(target.hasPrefix("/") && timeoutMillis > 0, "a target begins with /, and a request needs time")
        if cancellation.isCancelled { throw .cancelled }
        unsafe words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        unsafe curl_easy_reset(handle)  // settings alone: connections stay
        var list: UnsafeMutablePointer<curl_slist>?
        for header in headers { unsafe list = curl_slist_append(list, header) }
        defer { unsafe curl_slist_free_all(list) }
        let body = BodySink(mostBytes: mostBodyBytes)
        var code = unsafe CurlLibrary.setOptions(
            handle, endpoint, target: target,
            numbers: [(CURLOPT_TIMEOUT_MS, timeoutMillis), (CURLOPT_MAXCONNECTS, Self.mostIdleConnections)], words,
            cancellation)
        if code == CURLE_OK { code = unsafe CCurl_setopt_string(handle, CURLOPT_USERAGENT, "tickline") }
        if code == CURLE_OK { code = unsafe CCurl_setopt_pointer(handle, CURLOPT_HTTPHEADER, list) }
        if code == CURLE_OK { code = unsafe CCurl_setopt_write(handle, BodySink.write) }
        if code == CURLE_OK {
            // Not retained: `body` lives across curl_easy_perform, the only caller of the callback.
            let context = unsafe Unmanaged.passUnretained(body).toOpaque()
            code = unsafe CCurl_setopt_pointer(handle, CURLOPT_WRITEDATA, context)
        }
        if code == CURLE_OK { code = withExtendedLifetime(body) { unsafe curl_easy_perform(handle) } }
        if body.isTooLong { throw .answerTooLarge(endpoint: endpoint.name, limitBytes: mostBodyBytes) }
        guard code == CURLE_OK else {
            throw unsafe TransportError(
                code, of: handle, endpoint, detail: String(cString: words), limitMillis: timeoutMillis)
        }
        var status = 0
        _ = unsafe CCurl_getinfo_long(handle, CURLINFO_RESPONSE_CODE, &status)
        return RESTAnswer(
            status: status, retryAfter: header("Retry-After"), date: header("Date"),
            usedWeight: header("X-MBX-USED-WEIGHT-1M"), body: body.bytes)
    }

    /// The first header of that name in the last answer; nil where there is none. Headers of a proxy's own answer to CONNECT
    /// are of another origin.
    private borrowing func header(_ name: String) -> String? {
        var found: UnsafeMutablePointer<curl_header>?
        guard unsafe curl_easy_header(handle, name, 0, UInt32(CURLH_HEADER), -1, &found) == CURLHE_OK,
            let found = unsafe found
        else { return nil }
        return unsafe String(cString: found.pointee.value)
    }
}

/// Takes a body as it comes, up to its limit.
private final class BodySink {
    private let mostBytes: Int
    private(set) var bytes: [UInt8] = []
    private(set) var isTooLong = false

    init(mostBytes: Int) { self.mostBytes = mostBytes }

    /// libcurl ends the transfer with CURLE_WRITE_ERROR where fewer bytes are taken than came.
    static let write: curl_write_callback = { data, size, count, context in
        guard let data = unsafe data, let context = unsafe context else { return 0 }
        let sink = unsafe Unmanaged<BodySink>.fromOpaque(context).takeUnretainedValue()
        let piece = unsafe UnsafeRawBufferPointer(start: data, count: size * count)
        guard sink.bytes.count + piece.count <= sink.mostBytes else {
            sink.isTooLong = true
            return 0
        }
        unsafe sink.bytes.append(contentsOf: piece)
        return piece.count
    }
}
