/// Where a Redis server is and how to log in. Its description never shows a password.
public struct RedisEndpoint: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// A TCP address: a host name, an IPv4 or an IPv6 address, the last without its brackets.
    public struct HostAndPort: Sendable, Equatable, CustomStringConvertible {
        /// The host.
        public let host: String
        /// The TCP port.
        public let port: UInt16

        /// `host:port`, an IPv6 address in brackets.
        public var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
    }

    /// How the server is reached.
    public enum Transport: Sendable, Equatable {
        /// TCP to a host name, an IPv4 or an IPv6 address.
        case tcp(host: String, port: UInt16)
        /// A Unix stream socket.
        case unix(path: String)
        /// TCP to whichever server these sentinels call the master of that name.
        case sentinels([HostAndPort], masterName: String)
    }

    /// Redis' own port.
    public static let defaultPort: UInt16 = 6_379
    /// The port of sentinels.
    public static let defaultSentinelPort: UInt16 = 26_379
    /// The most sentinels of one address; each of them may cost a time-out when a master is looked for.
    public static let mostSentinels = 16
    /// The longest path `sockaddr_un` takes, its terminating zero not counted.
    static let mostSocketPathBytes = 107

    /// How the server is reached.
    public let transport: Transport
    /// Whether TLS is spoken, with sentinels too.
    public let isEncrypted: Bool
    /// What TLS is verified against and shows.
    public let files: RedisTLSFiles
    /// The ACL user; nil for the default user.
    public let user: String?
    /// The database selected after login.
    public let database: Int
    let password: String?
    /// How to log in to sentinels, which have users of their own.
    let sentinelUser: String?
    let sentinelPassword: String?

    init(
        transport: Transport, isEncrypted: Bool = false, files: RedisTLSFiles = RedisTLSFiles(), user: String? = nil,
        password: String? = nil, database: Int = 0, sentinelUser: String? = nil, sentinelPassword: String? = nil
    ) {
        self.transport = transport
        self.isEncrypted = isEncrypted
        self.files = files
        self.user = user
        self.password = password
        self.database = database
        self.sentinelUser = sentinelUser
        self.sentinelPassword = sentinelPassword
    }

    /// The address without user and password.
    public var description: String {
        let suffix = database == 0 ? "" : "/\(database)"
        let scheme = isEncrypted ? "rediss" : "redis"
        switch transport {
        case .tcp(let host, let port): return "\(scheme)://\(HostAndPort(host: host, port: port))\(suffix)"
        case .unix(let path): return "unix://\(path)\(database == 0 ? "" : "?db=\(database)")"
        case .sentinels(let sentinels, let name):
            return "\(scheme)+sentinel://\(sentinels.map(\.description).joined(separator: ","))/\(name)\(suffix)"
        }
    }

    /// Keeps the passwords out of `dump` and of reflection as well.
    public var customMirror: Mirror { Mirror(self, children: ["address": description]) }

    /// The server at an address sentinels have given, with the same login and database.
    func server(at address: HostAndPort) -> RedisEndpoint {
        RedisEndpoint(
            transport: .tcp(host: address.host, port: address.port), isEncrypted: isEncrypted, files: files, user: user,
            password: password, database: database)
    }

    /// One of the sentinels, with their login.
    func sentinel(at address: HostAndPort) -> RedisEndpoint {
        RedisEndpoint(
            transport: .tcp(host: address.host, port: address.port), isEncrypted: isEncrypted, files: files,
            user: sentinelUser, password: sentinelPassword)
    }
}

/// PEM files for TLS with Redis; nil leaves it to the system's authorities and shows no certificate.
public struct RedisTLSFiles: Sendable, Equatable {
    /// Authorities servers are verified against instead of the system's.
    public var caFile: String?
    /// The certificate shown to a server that asks for one; needs `keyFile`.
    public var certificateFile: String?
    /// The certificate's private key, not encrypted.
    public var keyFile: String?

    /// Names the files.
    public init(caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
    }
}
