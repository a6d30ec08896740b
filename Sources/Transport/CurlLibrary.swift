internal import CCurl
import Glibc

/// The process-wide part of libcurl, and what all handles have in common.
enum CurlLibrary {
    /// Starts libcurl once. SIGPIPE is ignored from then on: OpenSSL writes to sockets without MSG_NOSIGNAL, and libcurl's
    /// own handling of the signal is not for programs with threads.
    static let isReady: Bool = {
        _ = signal(SIGPIPE, SIG_IGN)
        return curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
    }()

    /// The errno of the handle's last failed connect or transfer, 0 where none is known.
    static func systemError(_ handle: UnsafeMutableRawPointer) -> Int32 {
        var number = 0
        guard unsafe CCurl_getinfo_long(handle, CURLINFO_OS_ERRNO, &number) == CURLE_OK else { return 0 }
        return Int32(truncatingIfNeeded: number)
    }

    /// Sets what reaching `endpoint` takes, and `numbers` beside it. The handle keeps `words` (CURL_ERROR_SIZE bytes) as the
    /// place for its error text, and a reference to `cancellation` that the caller must keep alive.
    static func setOptions(
        _ handle: UnsafeMutableRawPointer, _ endpoint: TransportEndpoint, target: String,
        numbers more: [(CURLoption, Int)], _ words: UnsafeMutablePointer<CChar>, _ cancellation: ConnectCancellation?
    ) -> CURLcode {
        let scheme = endpoint.security == .none ? "http" : "https"
        var texts: [(CURLoption, String)] = [
            (CURLOPT_URL, "\(scheme)://\(endpoint.host):\(endpoint.port)\(target)"),
            (CURLOPT_PROXY, endpoint.proxyURL ?? ""),  // "" also keeps the environment's proxies out
        ]
        var numbers: [(CURLoption, Int)] =
            more + [
                (CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1)),  // keeps h2 out of ALPN
                (CURLOPT_NOSIGNAL, 1),
                (CURLOPT_TCP_NODELAY, 1),
                (CURLOPT_TCP_KEEPALIVE, 1),
                (CURLOPT_HTTPPROXYTUNNEL, 1),  // CONNECT for plain targets too
                (CURLOPT_CONNECTTIMEOUT_MS, endpoint.connectTimeoutMillis),
                (CURLOPT_SSL_VERIFYPEER, 1),
                (CURLOPT_SSL_VERIFYHOST, 2),
                (CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2)),
            ]
        var code = unsafe CCurl_setopt_pointer(handle, CURLOPT_ERRORBUFFER, words)
        if let cancellation {
            numbers.append((CURLOPT_NOPROGRESS, 0))
            // Not retained: the caller's reference lives across curl_easy_perform, the only caller of the callback.
            let context = unsafe Unmanaged.passUnretained(cancellation).toOpaque()
            if code == CURLE_OK { code = unsafe CCurl_setopt_pointer(handle, CURLOPT_XFERINFODATA, context) }
            if code == CURLE_OK { code = unsafe CCurl_setopt_progress(handle, progress) }
        }
        if case .tls(let caFile?) = endpoint.security { texts.append((CURLOPT_CAINFO, caFile)) }
        if let certificate = endpoint.clientCertificate {
            texts += [
                (CURLOPT_SSLCERT, certificate.certificateFile), (CURLOPT_SSLKEY, certificate.keyFile),
                (CURLOPT_KEYPASSWD, ""),  // else OpenSSL would ask for an encrypted key's password on the terminal
            ]
        }
        for (option, text) in texts where code == CURLE_OK { code = unsafe CCurl_setopt_string(handle, option, text) }
        for (option, number) in numbers where code == CURLE_OK {
            code = unsafe CCurl_setopt_long(handle, option, number)
        }
        return code
    }

    /// Ends the attempt with CURLE_ABORTED_BY_CALLBACK once cancelled; libcurl calls it about once a second, and more often
    /// while something happens.
    private static let progress: curl_xferinfo_callback = { context, _, _, _, _ in
        guard let context = unsafe context else { return 0 }
        return unsafe Unmanaged<ConnectCancellation>.fromOpaque(context).takeUnretainedValue().isCancelled ? 1 : 0
    }
}
