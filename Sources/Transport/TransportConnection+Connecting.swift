internal import CCurl
import Glibc

extension TransportConnection {
    /// Connects `handle`, which keeps `words` (CURL_ERROR_SIZE bytes, zeroed) as the place for its error text.
    static func connect(
        _ handle: UnsafeMutableRawPointer, _ endpoint: TransportEndpoint, _ words: UnsafeMutablePointer<CChar>,
        _ cancellation: ConnectCancellation?
    ) throws(TransportError) -> Int32 {
        if cancellation?.isCancelled == true { throw .cancelled }
        // libcurl 7.88 knows no ws://; with CONNECT_ONLY the scheme only decides between TCP and TLS.
        let set = unsafe CurlLibrary.setOptions(
            handle, endpoint, target: "/", numbers: [(CURLOPT_CONNECT_ONLY, 1)], words, cancellation)
        guard set == CURLE_OK else {
            throw .failed(
                endpoint: endpoint.name, code: Int(set.rawValue),
                detail: unsafe String(cString: curl_easy_strerror(set)))
        }
        let code = withExtendedLifetime(cancellation) { unsafe curl_easy_perform(handle) }
        guard code == CURLE_OK else {
            throw unsafe TransportError(
                code, of: handle, endpoint, detail: String(cString: words), limitMillis: endpoint.connectTimeoutMillis)
        }
        var descriptor: curl_socket_t = -1
        guard unsafe CCurl_getinfo_socket(handle, &descriptor) == CURLE_OK, descriptor >= 0 else {
            throw .reset(endpoint: endpoint.name)
        }
        return descriptor
    }
}
