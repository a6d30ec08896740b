import Glibc
import Transport

/// TLS to one server through the transport. Used by one thread.
///
/// Commands are gathered in a buffer of its own: TLS has no call for several parts, each call makes at least one record, and
/// a call that was blocked must be repeated with the same bytes at the same address.
@safe final class EncryptedStream: CommandWriter {
    /// Bytes gathered for one call: the most one TLS record holds (RFC 8446, 5.1).
    static let gatheredBytes = 16_384

    private let connection: TransportConnection
    private let gathered: UnsafeMutableRawPointer
    private var gatheredCount = 0
    /// The transport's words for the failure that `write` gave a number for.
    private(set) var failure: String?

    /// Connects and verifies certificates and host name; blocks for at most `timeoutMillis`.
    ///
    /// - Throws: `connect`, `timeout`, `tls` or `certificate`.
    init(to endpoint: RedisEndpoint, timeoutMillis: Int) throws(RedisStreamsError) {
        guard case .tcp(let host, let port) = endpoint.transport else {
            preconditionFailure("TLS is spoken over TCP")
        }
        var target = TransportEndpoint(
            host: host.contains(":") ? "[\(host)]" : host, port: Int(port),
            security: .tls(caFile: endpoint.files.caFile), connectTimeoutMillis: timeoutMillis)
        if let certificate = endpoint.files.certificateFile, let key = endpoint.files.keyFile {
            target.clientCertificate = TransportEndpoint.ClientCertificate(certificateFile: certificate, keyFile: key)
        }
        do throws(TransportError) {
            connection = try TransportConnection(connectingTo: target)
        } catch {
            throw RedisStreamsError(connecting: error, to: endpoint)
        }
        unsafe gathered = .allocate(byteCount: Self.gatheredBytes, alignment: 16)
    }

    deinit { unsafe gathered.deallocate() }

    /// The socket, for poll only.
    var descriptor: Int32 { connection.descriptor }

    func write(_ parts: UnsafeMutablePointer<iovec>, _ count: Int) -> WriteResult {
        // What a blocked call has left begins with the same bytes as the parts.
        if gatheredCount == 0 { unsafe gather(parts, count) }
        do throws(TransportError) {
            let sent = unsafe try connection.send(UnsafeRawBufferPointer(start: gathered, count: gatheredCount))
            guard sent > 0 else { return .blocked }
            gatheredCount -= sent
            if gatheredCount > 0 { unsafe memmove(gathered, gathered + sent, gatheredCount) }
            return .wrote(sent)
        } catch {
            failure = error.description
            return .failed(EPROTO)
        }
    }

    private func gather(_ parts: UnsafeMutablePointer<iovec>, _ count: Int) {
        for index in 0..<count where gatheredCount < Self.gatheredBytes {
            guard let start = unsafe parts[index].iov_base else { continue }
            let length = unsafe min(parts[index].iov_len, Self.gatheredBytes - gatheredCount)
            unsafe (gathered + gatheredCount).copyMemory(from: start, byteCount: length)
            gatheredCount += length
        }
    }

    /// Takes decrypted bytes. Call it until it gives none before waiting: the descriptor does not show what TLS holds.
    ///
    /// - Throws: `certificate`: where a server says only after the handshake that it refuses ours.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(RedisStreamsError) -> ReadResult {
        do throws(TransportError) {
            switch unsafe try connection.receive(into: buffer) {
            case .bytes(let count): return .bytes(count)
            case .wouldBlock: return .blocked
            case .closed: return .ended("the server closed it")
            }
        } catch {
            guard case .clientCertificateRefused = error else { return .ended(error.description) }
            throw .certificate(error.description)
        }
    }
}

extension RedisStreamsError {
    /// What a connection attempt of the transport failed with.
    fileprivate init(connecting error: TransportError, to endpoint: RedisEndpoint) {
        switch error {
        case .certificateRefused, .clientCertificateRefused, .unusableCAFile, .unusableClientCertificate:
            self = .certificate(error.description)
        case .tlsFailed: self = .tls(error.description)
        case .timedOut: self = .timeout("the TLS connection request (a port without TLS never does)")
        case .refused: self = .connect("\(endpoint): \(systemMessage(ECONNREFUSED))")
        case .reset: self = .connect("\(endpoint): \(systemMessage(ECONNRESET))")
        case .nameNotResolved: self = .connect("\(endpoint): the host name has no address")
        case .failed(_, _, let detail), .invalidAddress(let detail), .proxyFailed(_, let detail):
            self = .connect("\(endpoint): \(detail)")
        case .cutOff, .answerTooLarge: self = .connect(error.description)
        case .cancelled: self = .stopping
        }
    }
}
