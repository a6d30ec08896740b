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
    ])
    func `reads an address`(
        url: String, transport: RedisEndpoint.Transport, database: Int, password: String?
    ) throws {
        let endpoint = try RedisEndpoint(url: url)
        #expect(endpoint.transport == transport)
        #expect(endpoint.database == database)
        #expect(endpoint.password == password)
        #expect(!"\(endpoint)".contains("secret") && !"\(endpoint)".contains("p@ss"))
        var dumped = ""
        dump(endpoint, to: &dumped)
        #expect(!dumped.contains("secret") && !dumped.contains("p@ss"))
    }

    @Test(arguments: [
        "", "redis://", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x", "redis://h/-1", "redis://[::1",
        "unix://relative", "unix:///a?color=red", "redis://:%zz@h", "rediss://h", "http://h", ":6379",
    ])
    func `refuses with one line`(url: String) {
        let error = #expect(throws: RedisStreamsError.self) { try RedisEndpoint(url: url) }
        #expect(error?.description.contains("\n") == false)
        if url == "rediss://h" { #expect(error == .unsupportedScheme("rediss")) }
    }

    @Test func `the key of the ids keeps the stream's slot`() throws {
        func key(_ stream: String) throws -> String {
            SignalPublisherConfiguration(endpoint: try RedisEndpoint(url: "h:1"), streamKey: stream).identifierKey
        }
        #expect(try key("s") == "{s}:ids")
        #expect(try key("s:{binance:BTCUSDT}") == "s:{binance:BTCUSDT}:ids")
    }
}
