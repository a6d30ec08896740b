import FeedHandler
import Glibc
import Synchronization
import ThreadExecutor
import TradingModel

/// An exchange of one symbol on a loopback socket: websocket streams of its trades, several at a time, and their history.
///
/// A trade is a function of its id, and ids rise with the clock. The first three of each `holeDistance` are on no stream.
struct ProbeExchange: Sendable {
    private static let tradesPerSecond: UInt64 = 4_000
    /// A hole in most seconds: more would not be asked for in time, since an exchange must not be asked more often.
    private static let holeDistance: UInt64 = 4_500
    private static let holeIDs: UInt64 = 3
    private static let firstID: UInt64 = 1_000_000
    /// Connections at a time: two of the feed, one of the fetcher, and those that are just being closed.
    private static let workers = 6

    let port: Int
    private let listener: Int32
    private let start = MonotonicClock.now()

    init() { (listener, port) = FrameServer.listen(backlog: 16) }

    /// Serves connections until `stop`; returns the threads to join behind it.
    func run() -> [DedicatedThread] {
        (0..<Self.workers).map { number in
            DedicatedThread(name: "exchange-\(number)") {
                while true {
                    let client = Glibc.accept(listener, nil, nil)
                    guard client >= 0 else { return }
                    serve(client)
                    close(client)
                }
            }
        }
    }

    /// Takes no more connections; those that are open end with their clients.
    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private var newestID: UInt64 {
        Self.firstID + MonotonicClock.now().nanos(since: start) / (1_000_000_000 / Self.tradesPerSecond)
    }

    private func serve(_ client: Int32) {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        var head = ""
        while true {
            while !head.contains("\r\n\r\n") {
                let count = recv(client, &bytes, bytes.count, 0)
                guard count > 0 else { return }
                head += String(decoding: bytes[..<count], as: UTF8.self)
            }
            guard head.hasPrefix("GET /api") else { return stream(to: client, head) }
            guard answer(String(head.split(separator: " ")[1]), to: client) else { return }
            head = ""
        }
    }

    /// Sends what is due every millisecond, until the client says anything: what it has to say is good-bye.
    private func stream(to client: Int32, _ head: String) {
        FrameServer.upgrade(client, head)
        var next = newestID
        var byte: UInt8 = 0
        while recv(client, &byte, 1, Int32(MSG_DONTWAIT)) < 0 {
            var frames: [UInt8] = []
            let end = newestID
            while next < end {
                let isHole = next % Self.holeDistance < Self.holeIDs
                if !isHole { frames += FrameServer.frame(Array(Self.trade(next).utf8), first: 0x81) }
                next += 1
            }
            guard FrameServer.trySend(frames, to: client) else { return }
            usleep(1_000)
        }
        _ = FrameServer.trySend([0x88, 0x02, 0x03, 0xE8], to: client)
    }

    private static func price(_ id: UInt64) -> String { "\(61_000 + id / 7 % 40 * (id / 400 % 3)).50000000" }

    private static func trade(_ id: UInt64) -> String {
        #"{"e":"trade","E":1723161255343,"s":"PROBE","t":\#(id),"p":"\#(price(id))","q":"0.10000000","#
            + #""T":1723161255342,"m":true,"M":true}"#
    }

    /// `historicalTrades`; anything else is a mistake of the probe's.
    private func answer(_ target: String, to client: Int32) -> Bool {
        func item(_ name: String) -> UInt64 {
            let items = target.split(separator: "?").last?.split(separator: "&") ?? []
            return items.first { $0.hasPrefix(name + "=") }.flatMap { UInt64($0.dropFirst(name.count + 1)) } ?? 0
        }
        let (first, newest) = (item("fromId"), newestID)
        let rows = first < newest ? Array(first..<min(first + item("limit"), newest)) : []
        let body = rows.map { id in
            #"{"id":\#(id),"price":"\#(Self.price(id))","qty":"0.10000000","quoteQty":"1.00000000","#
                + #""time":1723161255342000,"isBuyerMaker":true,"isBestMatch":true}"#
        }.joined(separator: ",")
        let text =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count + 2)\r\n\r\n[\(body)]"
        return FrameServer.trySend(Array(text.utf8), to: client)
    }
}
