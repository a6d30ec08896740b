internal import CCurl

/// The parts of a URL, by libcurl's parser, so that what is checked is what is connected to.
public struct TransportURL: Sendable, Equatable {
    /// Lower-case scheme.
    public let scheme: String
    /// Whether user name or password are given; they are not kept here.
    public let hasCredentials: Bool
    /// Host name or address; an IPv6 address in its brackets.
    public let host: String
    /// The port, where one is given.
    public let port: Int?
    /// Path with its leading slash, percent-encoded as given.
    public let path: String
    /// What follows the `?`, percent-encoded as given.
    public let query: String?

    /// Splits `text`.
    ///
    /// - Throws: `invalidAddress` with libcurl's reason.
    public init(parsing text: String) throws(TransportError) {
        guard let url = unsafe curl_url() else { throw .invalidAddress("out of memory") }
        defer { unsafe curl_url_cleanup(url) }
        let code = unsafe curl_url_set(url, CURLUPART_URL, text, UInt32(CURLU_NON_SUPPORT_SCHEME))
        guard code == CURLUE_OK else {
            throw .invalidAddress(unsafe String(cString: curl_url_strerror(code)).lowercased())
        }
        func part(_ what: CURLUPart) -> String? {
            var text: UnsafeMutablePointer<CChar>?
            guard unsafe curl_url_get(url, what, &text, 0) == CURLUE_OK, let text = unsafe text else { return nil }
            defer { unsafe curl_free(text) }
            return unsafe String(cString: text)
        }
        guard let scheme = part(CURLUPART_SCHEME), let host = part(CURLUPART_HOST) else {
            throw .invalidAddress("no scheme or no host")
        }
        self.scheme = scheme.lowercased()
        self.host = host
        hasCredentials = part(CURLUPART_USER) != nil || part(CURLUPART_PASSWORD) != nil
        port = part(CURLUPART_PORT).flatMap { Int($0) }
        path = part(CURLUPART_PATH) ?? "/"
        query = part(CURLUPART_QUERY)
    }
}
