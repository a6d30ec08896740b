/// Where a Redis server is and how to log in. Its description never shows the password.
public struct RedisEndpoint: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// How the server is reached.
    public enum Transport: Sendable, Equatable {
        /// TCP to a host name, an IPv4 or an IPv6 address.
        case tcp(host: String, port: UInt16)
        /// A Unix stream socket.
        case unix(path: String)
    }

    /// Redis' own port.
    public static let defaultPort: UInt16 = 6_379
    /// The longest path `sockaddr_un` takes, its terminating zero not counted.
    static let mostSocketPathBytes = 107

    /// How the server is reached.
    public let transport: Transport
    /// The ACL user; nil for the default user.
    public let user: String?
    /// The database selected after login.
    public let database: Int
    let password: String?

    /// Reads `redis://[user][:password]@host[:port][/db]`, `unix://` or `redis+unix://` with
    /// `/path?db=N&user=U&password=P`, or `host:port`.
    ///
    /// User and password may be percent-encoded (RFC 3986). Any thread; no name is resolved here.
    /// - Throws: `invalidAddress`, or `unsupportedScheme` for `rediss://` and unknown schemes.
    public init(url: String) throws(RedisStreamsError) {
        guard let separator = url.firstRange(of: "://") else {
            (transport, user, password, database) = (try Self.hostAndPort(url[...]), nil, nil, 0)
            return
        }
        let scheme = url[..<separator.lowerBound].lowercased()
        let rest = url[separator.upperBound...]
        switch scheme {
        case "redis":
            let at = rest.lastIndex(of: "@")
            let location = at.map { rest[rest.index(after: $0)...] } ?? rest
            let login = at.map { rest[..<$0] } ?? ""
            let parts = login.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = try Self.decoded(parts.first ?? "", "user name")
            password = try Self.decoded(parts.count > 1 ? parts[1] : "", "password")
            let path = location.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            transport = try Self.hostAndPort(path.first ?? "")
            database = try Self.database(path.count > 1 ? path[1] : "")
        case "unix", "redis+unix":
            let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            let options = try Self.options(parts.count > 1 ? parts[1] : "")
            guard let path = try Self.decoded(parts[0], "socket path"), path.hasPrefix("/"),
                path.utf8.count <= Self.mostSocketPathBytes
            else {
                throw .invalidAddress("a socket path must be absolute and at most \(Self.mostSocketPathBytes) bytes")
            }
            transport = .unix(path: path)
            user = options["user"]
            password = options["password"]
            database = try Self.database(options["db"].map { $0[...] } ?? "")
        default:
            throw .unsupportedScheme(scheme)
        }
    }

    /// The address without user and password.
    public var description: String {
        let suffix = database == 0 ? "" : "/\(database)"
        switch transport {
        case .tcp(let host, let port):
            return "redis://\(host.contains(":") ? "[\(host)]" : host):\(port)\(suffix)"
        case .unix(let path): return "unix://\(path)\(database == 0 ? "" : "?db=\(database)")"
        }
    }

    /// Keeps the password out of `dump` and of reflection as well.
    public var customMirror: Mirror { Mirror(self, children: ["address": description]) }

    private static func hostAndPort(_ text: Substring) throws(RedisStreamsError) -> Transport {
        var host = text
        var port: Substring = ""
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw .invalidAddress("an IPv6 address lacks its ]") }
            host = text[text.index(after: text.startIndex)..<end]
            let behind = text[text.index(after: end)...]
            guard behind.isEmpty || behind.hasPrefix(":") else { throw .invalidAddress("text after ] is no port") }
            port = behind.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard !host.isEmpty else { throw .invalidAddress("the Redis address has no host") }
        guard !port.isEmpty else { return .tcp(host: String(host), port: defaultPort) }
        guard let number = UInt16(port), number > 0 else {
            throw .invalidAddress("the Redis port is not a number from 1 to 65535")
        }
        return .tcp(host: String(host), port: number)
    }

    private static func database(_ text: Substring) throws(RedisStreamsError) -> Int {
        guard !text.isEmpty else { return 0 }
        guard let number = Int(text), number >= 0 else {
            throw .invalidAddress("the Redis database is not a number from 0")
        }
        return number
    }

    private static func options(_ text: Substring) throws(RedisStreamsError) -> [String: String] {
        var options: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard ["db", "user", "password"].contains(name), parts.count == 2 else {
                throw .invalidAddress("a Unix socket takes the options db, user and password alone")
            }
            options[name] = try decoded(parts[1], name)
        }
        return options
    }

    /// Percent-decodes; nil for empty text.
    private static func decoded(_ text: Substring, _ what: String) throws(RedisStreamsError) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == 0x25 else {
                bytes.append(byte)
                continue
            }
            guard let value = UInt8(String(Substring(rest.prefix(2))), radix: 16), rest.count >= 2 else {
                throw .invalidAddress("the \(what) has a % that two hexadecimal digits do not follow")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw .invalidAddress("the \(what) is not UTF-8")
        }
        return decoded.isEmpty ? nil : decoded
    }
}
