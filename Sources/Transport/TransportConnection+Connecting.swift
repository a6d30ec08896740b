internal import CCurl
import Glibc

/// The process-wide part of libcurl.
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
}

extension TransportConnection {
    /// Connects `handle`, which keeps `words` (CURL_ERROR_SIZE bytes, zeroed) as the place for its error text.
    static func connect(
        _ handle: UnsafeMutableRawPointer, _ endpoint: TransportEndpoint, _ words: UnsafeMutablePointer<CChar>,
        _ cancellation: ConnectCancellation?
    ) throws(TransportError) -> Int32 {
        if cancellation?.isCancelled == true { throw .cancelled }
        let set = unsafe setOptions(handle, endpoint, words, cancellation)
        guard set == CURLE_OK else {
            throw .failed(
                endpoint: endpoint.name, code: Int(set.rawValue),
                detail: unsafe String(cString: curl_easy_strerror(set)))
        }
        let code = withExtendedLifetime(cancellation) { unsafe curl_easy_perform(handle) }
        guard code == CURLE_OK else {
            throw unsafe error(code, handle, endpoint, detail: String(cString: words))
        }
        var descriptor: curl_socket_t = -1
        guard unsafe CCurl_getinfo_socket(handle, &descriptor) == CURLE_OK, descriptor >= 0 else {
            throw .reset(endpoint: endpoint.name)
        }
        return descriptor
    }

    private static func setOptions(
        _ handle: UnsafeMutableRawPointer, _ endpoint: TransportEndpoint, _ words: UnsafeMutablePointer<CChar>,
        _ cancellation: ConnectCancellation?
    ) -> CURLcode {
        // libcurl 7.88 knows no ws://; with CONNECT_ONLY the scheme only decides between TCP and TLS.
        let scheme = endpoint.security == .none ? "http" : "https"
        var texts: [(CURLoption, String)] = [
            (CURLOPT_URL, "\(scheme)://\(endpoint.host):\(endpoint.port)/"),
            (CURLOPT_PROXY, endpoint.proxyURL ?? ""),  // "" also keeps the environment's proxies out
        ]
        var numbers: [(CURLoption, Int)] = [
            (CURLOPT_CONNECT_ONLY, 1),
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

    private static func error(
        _ code: CURLcode, _ handle: UnsafeMutableRawPointer, _ endpoint: TransportEndpoint, detail: String
    ) -> TransportError {
        var detail = unsafe detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
        // libcurl quotes the whole address here, with the password in it.
        if detail.hasPrefix("Unsupported proxy") { detail = "its address is not understood" }
        switch code {
        case CURLE_ABORTED_BY_CALLBACK: return .cancelled
        case CURLE_URL_MALFORMAT: return .invalidAddress(detail)
        case CURLE_COULDNT_RESOLVE_HOST: return .nameNotResolved(host: endpoint.host)
        case CURLE_OPERATION_TIMEDOUT:
            return .timedOut(endpoint: endpoint.name, limitMillis: endpoint.connectTimeoutMillis)
        case CURLE_PEER_FAILED_VERIFICATION: return .certificateRefused(endpoint: endpoint.name, detail: detail)
        case CURLE_SSL_CACERT_BADFILE:
            guard case .tls(let caFile?) = endpoint.security else { break }
            return .unusableCAFile(path: caFile)
        case CURLE_SSL_CERTPROBLEM:
            guard let certificate = endpoint.clientCertificate else { break }
            return .unusableClientCertificate(
                certificateFile: certificate.certificateFile, keyFile: certificate.keyFile)
        case CURLE_SSL_CONNECT_ERROR where isCertificateAlert(detail):
            return .clientCertificateRefused(endpoint: endpoint.name, detail: detail)
        case CURLE_SSL_CONNECT_ERROR: return .tlsFailed(endpoint: endpoint.name, detail: detail)
        case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY:
            return .proxyFailed(endpoint: endpoint.name, detail: detail)
        case CURLE_COULDNT_CONNECT where endpoint.proxyURL != nil, CURLE_RECV_ERROR where endpoint.proxyURL != nil:
            return .proxyFailed(endpoint: endpoint.name, detail: detail)
        case CURLE_COULDNT_CONNECT where unsafe CurlLibrary.systemError(handle) == ECONNREFUSED:
            return .refused(endpoint: endpoint.name)
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING:
            return .reset(endpoint: endpoint.name)
        default: break
        }
        return .failed(endpoint: endpoint.name, code: Int(code.rawValue), detail: detail)
    }

    /// Whether OpenSSL's words report an alert of the peer (RFC 8446, 6.2) about a certificate, which can only be ours.
    static func isCertificateAlert(_ detail: String) -> Bool {
        detail.contains(" alert ") && (detail.contains("certificate") || detail.contains("unknown ca"))
    }
}
