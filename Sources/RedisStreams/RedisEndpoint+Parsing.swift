extension RedisEndpoint {
    /// Reads `redis://[user][:password]@host[:port][/db]`, the same with `rediss://` for TLS,
    /// `redis+sentinel://[user][:password]@host[:port],…/master-name[/db][?sentinelUser=U&sentinelPassword=P]`, the same with
    /// `rediss+sentinel://`, `unix://` or `redis+unix://` with `/path?db=N&user=U&password=P`, or `host:port`.
    ///
    /// User, password and master name may be percent-encoded (RFC 3986). Any thread; no name is resolved and no file
    /// opened here.
    /// - Throws: `invalidAddress`, `unsupportedScheme`, or `invalidSetting` for files that do not go with the address.
    public init(url: String, files: RedisTLSFiles = RedisTLSFiles()) throws(RedisStreamsError) {
        guard let separator = url.firstRange(of: "://") else {
            try Self.check(files, isEncrypted: false)
            self.init(transport: try Self.server(url[...]))
            return
        }
        let scheme = url[..<separator.lowerBound].lowercased()
        let rest = url[separator.upperBound...]
        let isEncrypted = scheme.hasPrefix("rediss")
        switch scheme {
        case "redis", "rediss":
            let (login, location) = try Self.login(rest)
            let path = location.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            self.init(
                transport: try Self.server(path.first ?? ""), isEncrypted: isEncrypted, files: files, user: login.user,
                password: login.password, database: try Self.database(path.count > 1 ? path[1] : ""))
        case "redis+sentinel", "rediss+sentinel":
            let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            let options = try Self.options(
                parts.count > 1 ? parts[1] : "", of: "a sentinel address", ["sentinelUser", "sentinelPassword"])
            let (login, location) = try Self.login(parts[0])
            let path = location.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
            guard path.count > 1, let name = try Self.decoded(path[1], "master name") else {
                throw .invalidAddress("a sentinel address needs the master's name behind the hosts")
            }
            var sentinels: [HostAndPort] = []
            for text in path[0].split(separator: ",", omittingEmptySubsequences: false) {
                sentinels.append(try Self.hostAndPort(text, default: Self.defaultSentinelPort))
            }
            guard sentinels.count <= Self.mostSentinels else {
                throw .invalidAddress("\(sentinels.count) sentinels are more than \(Self.mostSentinels)")
            }
            self.init(
                transport: .sentinels(sentinels, masterName: name), isEncrypted: isEncrypted, files: files,
                user: login.user, password: login.password, database: try Self.database(path.count > 2 ? path[2] : ""),
                sentinelUser: options["sentinelUser"], sentinelPassword: options["sentinelPassword"])
        case "unix", "redis+unix":
            let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            let options = try Self.options(
                parts.count > 1 ? parts[1] : "", of: "a Unix socket", ["db", "user", "password"])
            guard let path = try Self.decoded(parts[0], "socket path"), path.hasPrefix("/"),
                path.utf8.count <= Self.mostSocketPathBytes
            else {
                throw .invalidAddress("a socket path must be absolute and at most \(Self.mostSocketPathBytes) bytes")
            }
            self.init(
                transport: .unix(path: path), user: options["user"], password: options["password"],
                database: try Self.database(options["db"].map { $0[...] } ?? ""))
        default:
            throw .unsupportedScheme(scheme)
        }
        try Self.check(files, isEncrypted: isEncrypted)
    }

    private static func check(_ files: RedisTLSFiles, isEncrypted: Bool) throws(RedisStreamsError) {
        guard isEncrypted || files == RedisTLSFiles() else {
            throw .invalidSetting("certificate files for Redis need TLS: give --redis a rediss:// address, or no files")
        }
        guard (files.certificateFile == nil) == (files.keyFile == nil) else {
            throw .invalidSetting("--redis-cert-file and --redis-key-file go together: give both, or neither")
        }
    }

    /// Splits `[user][:password]@` off.
    private static func login(
        _ text: Substring
    ) throws(RedisStreamsError) -> (login: (user: String?, password: String?), location: Substring) {
        let at = text.lastIndex(of: "@")
        let parts = (at.map { text[..<$0] } ?? "").split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let user = try decoded(parts.first ?? "", "user name")
        let password = try decoded(parts.count > 1 ? parts[1] : "", "password")
        return ((user, password), at.map { text[text.index(after: $0)...] } ?? text)
    }

    private static func server(_ text: Substring) throws(RedisStreamsError) -> Transport {
        let address = try hostAndPort(text, default: defaultPort)
        return .tcp(host: address.host, port: address.port)
    }

    private static func hostAndPort(
        _ text: Substring, default defaultPort: UInt16
    ) throws(RedisStreamsError) -> HostAndPort {
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
        guard !port.isEmpty else { return HostAndPort(host: String(host), port: defaultPort) }
        guard let number = UInt16(port), number > 0 else {
            throw .invalidAddress("the Redis port is not a number from 1 to 65535")
        }
        return HostAndPort(host: String(host), port: number)
    }

    private static func database(_ text: Substring) throws(RedisStreamsError) -> Int {
        guard !text.isEmpty else { return 0 }
        guard let number = Int(text), number >= 0 else {
            throw .invalidAddress("the Redis database is not a number from 0")
        }
        return number
    }

    private static func options(
        _ text: Substring, of what: String, _ names: [String]
    ) throws(RedisStreamsError) -> [String: String] {
        var options: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            guard names.contains(name), parts.count == 2 else {
                throw .invalidAddress("\(what) takes the options \(names.joined(separator: ", ")) alone")
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
