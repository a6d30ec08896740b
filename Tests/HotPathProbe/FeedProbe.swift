import FeedHandler
import Glibc
import Journal
import Logging
import RingBuffer
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// A websocket server for one client that sends the same prebuilt frames again and again.
struct FrameServer {
    /// Trades of the prebuilt block.
    static let blockMessages = 256
    private let listener: Int32
    let port: Int

    init() { (listener, port) = Self.listen(backlog: 1) }

    /// A listening socket on a free port of 127.0.0.1.
    static func listen(backlog: Int32) -> (listener: Int32, port: Int) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(listener, $0, length) == 0 && Glibc.listen(listener, backlog) == 0, "no free port")
                precondition(getsockname(listener, $0, &length) == 0, "no port")
            }
        }
        return (listener, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// Accepts one client and its upgrade.
    func accept() -> Int32 {
        let client = Glibc.accept(listener, nil, nil)
        precondition(client >= 0, "nobody connected")
        var bytes = [UInt8](repeating: 0, count: 4_096)
        var request = ""
        while !request.contains("\r\n\r\n") {
            let count = recv(client, &bytes, bytes.count, 0)
            precondition(count > 0, "no upgrade request")
            request += String(decoding: bytes[..<count], as: UTF8.self)
        }
        Self.upgrade(client, request)
        return client
    }

    /// Accepts the upgrade that a client asks for, and tells it the stream it has.
    static func upgrade(_ client: Int32, _ request: String) {
        let line = request.split(whereSeparator: \.isNewline).first { $0.hasPrefix("Sec-WebSocket-Key: ") } ?? ""
        let key = String(line.dropFirst(19))
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: \(Handshake.acceptKey(for: key))\r\n\r\n"
        send(Array(answer.utf8), to: client)
        // The client asks once which streams it has, as its first request.
        var bytes = [UInt8](repeating: 0, count: 4_096)
        precondition(recv(client, &bytes, bytes.count, 0) > 0, "no request for the list")
        send(frame(Array(#"{"result":["probe@trade"],"id":1}"#.utf8), first: 0x81), to: client)
    }

    /// Books and klines of the block, one of each before every sixteenth trade.
    static let blockBooks = blockMessages / 16
    /// Messages of the block that the feed passes over.
    static let blockIgnored = blockMessages / 8

    /// Text frames of trades whose numbers differ in length, as recorded ones do, one in each block fragmented; with book
    /// updates of thirteen levels, klines and events of no use between them.
    static func block() -> [UInt8] {
        let bids = (0..<12).map { #"["617\#(37 + $0).63000000","0.5000000\#($0 % 10)"]"# }.joined(separator: ",")
        let depth =
            #"{"e":"depthUpdate","E":1723161255208,"s":"PROBE","U":1,"u":2,"b":[\#(bids)],"a":[["70000","0"]]}"#
        let kline =
            #"{"e":"kline","E":1723161255208,"s":"PROBE","k":{"t":1723161240000,"T":1723161299999,"s":"PROBE","#
            + #""i":"1m","f":1,"L":2,"o":"1.5","c":"1.6","h":"1.7","l":"1.4","v":"3.25","n":2,"x":false}}"#
        var bytes: [UInt8] = []
        for index in 0..<blockMessages {
            let quantity = ["0.00012000", "1.50000000", "12.34567000", "0.10000000"][index % 4]
            let text =
                #"{"e":"trade","E":1723161255343,"s":"PROBE","t":\#(3_735_683_259 + index),"#
                + #""p":"\#(61_837 + index % 7 * 9_000).63000000","q":"\#(quantity)","T":1723161255342,"#
                + #""m":\#(index % 3 == 0),"M":true}"#
            if index % 8 == 4 { bytes += frame(Array(#"{"e":"24hrTicker","s":"PROBE"}"#.utf8), first: 0x81) }
            if index % 16 == 0 {
                bytes += frame(Array(depth.utf8), first: 0x81) + frame(Array(kline.utf8), first: 0x81)
            }
            if index == 7 {
                bytes +=
                    frame(Array(text.utf8.prefix(40)), first: 0x01) + frame(Array(text.utf8.dropFirst(40)), first: 0x80)
            } else {
                bytes += frame(Array(text.utf8), first: 0x81)
            }
        }
        return bytes
    }

    /// A frame with final bit and opcode in `first`, up to 64 KiB.
    static func frame(_ payload: [UInt8], first: UInt8) -> [UInt8] {
        let length = payload.count
        return (length < 126 ? [first, UInt8(length)] : [first, 126, UInt8(length >> 8), UInt8(length & 0xFF)])
            + payload
    }

    static func send(_ bytes: [UInt8], to client: Int32) {
        precondition(trySend(bytes, to: client), "the feed hung up")
    }

    /// Sends all bytes; false where the peer has closed.
    static func trySend(_ bytes: [UInt8], to client: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(client, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}

/// The whole feed on a real socket. What is sent stays below the ring's room, so that no stall is logged: that is cold.
func runFeed(trades wanted: Int) throws {
    let server = FrameServer()
    let plan = try FeedPlan(parsing: "simulator=ws://127.0.0.1:\(server.port)/ws/probe@trade")
    let metrics = MetricsRegistry()
    let ring = SPSCRing(capacitySlots: 1 << 14)
    let journal = try ProbeJournal(JournalChain(.feed), tableEntries: 8_192, metrics: metrics)
    let handler = FeedHandler(
        configuration: FeedConfiguration(plan: plan, feed: 0),
        catalog: MarketCatalog(instruments: FeedPlan.specifications(of: [plan]), strategies: []),
        producer: RingProducer(ring), journal: journal.writer(), metrics: metrics,
        health: HealthRegistry().check("feed", roles: [.collector]), limiter: ConnectionLimiter(),
        logger: Logger(label: "feed", factory: { _ in SwiftLogNoOpLogHandler() }))
    handler.start()
    let trades = Atomic<Int>(0)
    let books = Atomic<Int>(0)
    let klines = Atomic<Int>(0)
    let isDone = Atomic<Bool>(false)
    let reader = DedicatedThread(name: "reader") {
        let consumer = RingConsumer(ring)
        while !isDone.load(ordering: .acquiring) {
            let batch = consumer.peek(most: 4_096, as: Tick.self)
            var count = 0
            for tick in batch {
                if tick.kind == RecordKind.trade.rawValue { count += 1 }
                if tick.kind == RecordKind.depth.rawValue { books.wrappingAdd(1, ordering: .relaxed) }
                if tick.kind == RecordKind.klineVolume.rawValue { klines.wrappingAdd(1, ordering: .relaxed) }
            }
            consumer.release(count: batch.count)
            trades.wrappingAdd(count, ordering: .releasing)
            if count == 0 { usleep(50) }
        }
    }
    let warmUpBlocks = 400
    let blocks = warmUpBlocks + (wanted + FrameServer.blockMessages - 1) / FrameServer.blockMessages
    let exchange = DedicatedThread(name: "exchange") {
        let client = server.accept()
        let block = FrameServer.block()
        for number in 0..<blocks {
            let sent = number * FrameServer.blockMessages
            if number == warmUpBlocks {
                while trades.load(ordering: .acquiring) < sent { usleep(100) }
                Probe.begin?()
            }
            // A varying number of blocks under way gives reads of all sizes, frames cut at their ends included.
            while sent - trades.load(ordering: .acquiring) > 8_192 { usleep(50) }
            FrameServer.send(block, to: client)
        }
        while trades.load(ordering: .acquiring) < blocks * FrameServer.blockMessages { usleep(100) }
        Probe.end?()
        close(client)
    }
    exchange.join()
    handler.stop()
    isDone.store(true, ordering: .releasing)
    reader.join()
    let counted = (blocks - warmUpBlocks) * FrameServer.blockMessages
    // One is the answer to the client's request.
    let ignored = Int(metrics.total("tickline_messages_ignored_total")) - 1 - warmUpBlocks * FrameServer.blockIgnored
    let refused = Int(metrics.total("tickline_decode_errors_total"))
    let stalls = Int(metrics.total("tickline_ring_stalls_total"))
    let warmUpBooks = warmUpBlocks * FrameServer.blockBooks
    let counts =
        "\"trades\":\(counted),\"books\":\(books.load(ordering: .relaxed) - warmUpBooks),"
        + "\"klines\":\(klines.load(ordering: .relaxed) - warmUpBooks)"
    let journaled = "\"journaledMiB\":\(journal.finish() >> 20)"
    print("{\(counts),\(journaled),\"ignored\":\(ignored),\"refused\":\(refused),\"stalls\":\(stalls)}")
}
