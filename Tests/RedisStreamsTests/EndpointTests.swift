import Testing

@testable import RedisStreams

struct EndpointTests {
    @Test(arguments: [
        ("redis://localhost", RedisEndpoint.Transport.tcp(host: "localhost", port: 6_379), 0, nil as String?),
        ("redis://10.0.0.1:7000/5", .tcp(host: "10.0.0.1", port: 7_000), 5, nil),
        ("redis://:secret@[::1]:7000", .tcp(host: "::1", port: 7_000), 0, "secret"),
        ("redis://me:p%40ss@h/1", .tcp(host: "h", port: 6_379), 1, "p@ss"),
        ("localhost:6380", .tcp(host: "localhost", port: 6_380), 0, nil),
        ("unix:///run/redis.sock?db=2&password=x", .unix(path: "/run/redis.sock"), 2, "x"),
        ("redis+unix:///run/redis.sock", .unix(path: "/run/redis.sock"), 0, nil),
        ("rediss://me:secret@h:6390/2", .tcp(host: "h", port: 6_390), 2, "secret"),
        (
            "redis+sentinel://me:secret@a:1,b,[::1]:3/my%20master/4?sentinelUser=s&sentinelPassword=p%40ss",
            .sentinels(
                [host("a", 1), host("b", 26_379), host("::1", 3)], masterName: "my master"), 4, "secret"
        ),
        ("rediss+sentinel://a/m", .sentinels([host("a", 26_379)], masterName: "m"), 0, nil),
    ])
    func `reads an address`(
        url: String, transport: RedisEndpoint.Transport, database: Int, password: String?
    ) throws {
        let endpoint = try RedisEndpoint(url: url)
        #expect(endpoint.transport == transport)
        #expect(endpoint.database == database)
        #expect(endpoint.password == password)
        #expect(endpoint.isEncrypted == url.hasPrefix("rediss"))
        #expect(!"\(endpoint)".contains("secret") && !"\(endpoint)".contains("p@ss"))
        var dumped = ""
        dump(endpoint, to: &dumped)
        #expect(!dumped.contains("secret") && !dumped.contains("p@ss"))
    }

    @Test(arguments: [
        "", "redis://", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x", "redis://h/-1", "redis://[::1",
        "unix://relative", "unix:///a?color=red", "redis://:%zz@h", "http://h", ":6379", "rediss://",
        "redis+sentinel://h", "redis+sentinel://h/", "redis+sentinel://h,/m", "redis+sentinel:///m",
        "redis+sentinel://h/m/x", "redis+sentinel://h/m?password=x", "rediss+unix:///a",
        "redis+sentinel://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17/m",
    ])
    func `refuses with one line`(url: String) {
        let error = #expect(throws: RedisStreamsError.self) { try RedisEndpoint(url: url) }
        #expect(error?.description.contains("\n") == false)
        if url == "http://h" { #expect(error == .unsupportedScheme("http")) }
    }

    private static func host(_ host: String, _ port: UInt16) -> RedisEndpoint.HostAndPort {
        RedisEndpoint.HostAndPort(host: host, port: port)
    }

    @Test func `an address of sentinels leads to theirs and to their master's login`() throws {
        let endpoint = try RedisEndpoint(
            url: "rediss+sentinel://me:secret@a/m/4?sentinelUser=s&sentinelPassword=p%40ss",
            files: RedisTLSFiles(caFile: "ca.pem"))
        #expect("\(endpoint)" == "rediss+sentinel://a:26379/m/4")
        let sentinel = endpoint.sentinel(at: Self.host("a", 1))
        #expect("\(sentinel)" == "rediss://a:1" && sentinel.user == "s" && sentinel.password == "p@ss")
        let server = endpoint.server(at: Self.host("b", 2))
        #expect("\(server)" == "rediss://b:2/4" && server.user == "me" && server.password == "secret")
        #expect(sentinel.files.caFile == "ca.pem" && server.files.caFile == "ca.pem")
    }

    @Test func `certificate files that do not go with the address are refused`() {
        for (url, files) in [
            ("redis://h", RedisTLSFiles(caFile: "ca.pem")), ("h:1", RedisTLSFiles(caFile: "ca.pem")),
            ("redis+sentinel://h/m", RedisTLSFiles(caFile: "ca.pem")),
            ("rediss://h", RedisTLSFiles(certificateFile: "cert.pem")),
            ("rediss://h", RedisTLSFiles(keyFile: "key.pem")),
        ] {
            let error = #expect(throws: RedisStreamsError.self) { try RedisEndpoint(url: url, files: files) }
            guard case .invalidSetting = error else {
                Issue.record("\(url): \(String(describing: error))")
                continue
            }
        }
    }

    @Test func `the key of the ids keeps the stream's slot`() throws {
        func key(_ stream: String) throws -> String {
            SignalPublisherConfiguration(endpoint: try RedisEndpoint(url: "h:1"), streamKey: stream).identifierKey
        }
        #expect(try key("s") == "{s}:ids")
        #expect(try key("s:{binance:BTCUSDT}") == "s:{binance:BTCUSDT}:ids")
    }
}
