internal import CCurl
import Glibc

extension TransportError {
    /// What `code` of a connect or transfer means; `detail` is libcurl's text, empty where it gave none.
    init(
        _ code: CURLcode, of handle: UnsafeMutableRawPointer, _ endpoint: TransportEndpoint, detail: String,
        limitMillis: Int
    ) {
        var detail = unsafe detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
        // libcurl quotes the whole address here, with the password in it.
        if detail.hasPrefix("Unsupported proxy") { detail = "its address is not understood" }
        let systemError = unsafe CurlLibrary.systemError(handle)
        self =
            Self.ofSecurity(code, endpoint, detail) ?? Self.ofNetwork(code, endpoint, detail, systemError, limitMillis)
            ?? .failed(endpoint: endpoint.name, code: Int(code.rawValue), detail: detail)
    }

    private static func ofSecurity(
        _ code: CURLcode, _ endpoint: TransportEndpoint, _ detail: String
    ) -> TransportError? {
        switch code {
        case CURLE_PEER_FAILED_VERIFICATION: return .certificateRefused(endpoint: endpoint.name, detail: detail)
        case CURLE_SSL_CACERT_BADFILE:
            guard case .tls(let caFile?) = endpoint.security else { return nil }
            return .unusableCAFile(path: caFile)
        case CURLE_SSL_CERTPROBLEM:
            guard let certificate = endpoint.clientCertificate else { return nil }
            return .unusableClientCertificate(
                certificateFile: certificate.certificateFile, keyFile: certificate.keyFile)
        case CURLE_SSL_CONNECT_ERROR where isCertificateAlert(detail):
            return .clientCertificateRefused(endpoint: endpoint.name, detail: detail)
        case CURLE_SSL_CONNECT_ERROR: return .tlsFailed(endpoint: endpoint.name, detail: detail)
        default: return nil
        }
    }

    private static func ofNetwork(
        _ code: CURLcode, _ endpoint: TransportEndpoint, _ detail: String, _ systemError: Int32, _ limitMillis: Int
    ) -> TransportError? {
        switch code {
        case CURLE_ABORTED_BY_CALLBACK: return .cancelled
        case CURLE_URL_MALFORMAT: return .invalidAddress(detail)
        case CURLE_COULDNT_RESOLVE_HOST: return .nameNotResolved(host: endpoint.host)
        case CURLE_OPERATION_TIMEDOUT: return .timedOut(endpoint: endpoint.name, limitMillis: limitMillis)
        case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY:
            return .proxyFailed(endpoint: endpoint.name, detail: detail)
        case CURLE_COULDNT_CONNECT where endpoint.proxyURL != nil, CURLE_RECV_ERROR where endpoint.proxyURL != nil:
            return .proxyFailed(endpoint: endpoint.name, detail: detail)
        case CURLE_COULDNT_CONNECT where systemError == ECONNREFUSED: return .refused(endpoint: endpoint.name)
        case CURLE_PARTIAL_FILE: return .cutOff(endpoint: endpoint.name)
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING: return .reset(endpoint: endpoint.name)
        default: return nil
        }
    }

    /// Whether OpenSSL's words report an alert of the peer (RFC 8446, 6.2) about a certificate, which can only be ours.
    static func isCertificateAlert(_ detail: String) -> Bool {
        detail.contains(" alert ") && (detail.contains("certificate") || detail.contains("unknown ca"))
    }
}
