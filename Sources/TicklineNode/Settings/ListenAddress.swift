import Foundation
import Glibc

/// An address to listen on.
public struct ListenAddress: Sendable, Equatable, Codable, CustomStringConvertible {
    /// Numeric address or host name.
    public var host: String
    /// TCP port, 0 for a free one.
    public var port: Int

    /// Creates an address.
    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// What a refusal asks for.
    static let expected = "a port (8082: loopback), :port (every interface) or host:port"

    /// Reads `8082` (loopback), `:8082` (every interface) or `host:port`; nil for anything else.
    init?(parsing text: String) {
        let colon = text.lastIndex(of: ":")
        guard let port = UInt16(colon.map { text[text.index(after: $0)...] } ?? text[...]) else { return nil }
        let host = colon.map { text[..<$0].trimmingCharacters(in: CharacterSet(charactersIn: "[]")) }
        self.init(host: host.map { $0.isEmpty ? "0.0.0.0" : $0 } ?? "127.0.0.1", port: Int(port))
    }

    /// `host:port`.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Sets the port to 0 where another program listens on it. Only for 127.0.0.1.
    mutating func useFreePortIfTaken() {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isFree = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if !isFree { port = 0 }
    }
}
