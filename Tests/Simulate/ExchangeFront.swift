import FeedHandler
import SimulatedWorld

/// The exchange's websocket and its history, and what it may do to its clients.
final class ExchangeFront {
    /// A websocket that is open.
    private final class Subscriber {
        let connection: Connection
        let id: Int
        var isOpen = false
        /// Ids of what is on its way or sent, with the bytes behind which they are sent whole.
        var sent: [(instrument: Int, id: UInt64, end: Int)] = []
        var bytes = 0
        /// Trades that are not to be sent.
        var skips = 0
        var unread: [UInt8] = []

        init(_ connection: Connection, _ id: Int) {
            self.connection = connection
            self.id = id
        }
    }

    private let world: World
    private let market: SimulatedMarket
    private var subscribers: [Subscriber] = []
    private var nextID = 0
    private(set) var deliveries: [Oracle.Delivery] = []
    private var held: [(instrument: Int, trade: SimulatedTrade)] = []

    /// How the history answers.
    enum HistoryMode { case serves, refusesTrades, fails, isSlow, cuts }
    var history = HistoryMode.serves
    /// Whether upgrades are refused.
    var refusesUpgrades = false
    /// Whether the next trades come behind their successors.
    var reorders = false
    /// Of how many trades one is sent twice; 0: none.
    var duplicatesOneIn = 0

    init(_ world: World, _ market: SimulatedMarket) {
        self.world = world
        self.market = market
    }

    /// Open websockets that move.
    var openCount: Int { subscribers.count { $0.isOpen && !$0.connection.isClosed && !$0.connection.isStalled } }

    /// Serves a new connection.
    func serve(_ connection: Connection) {
        let subscriber = Subscriber(connection, nextID)
        nextID += 1
        subscribers.append(subscriber)
        deliveries.append([])
        connection.receive = { [self] bytes in
            subscriber.unread += bytes
            take(subscriber)
        }
        connection.onEnd = { [self] in
            noteDeliveries(subscriber)
            subscribers.removeAll { $0 === subscriber }
        }
    }

    // MARK: what it is asked

    private func take(_ subscriber: Subscriber) {
        if subscriber.isOpen { return takeFrames(subscriber) }
        guard let end = subscriber.unread.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
        let head = String(decoding: subscriber.unread[..<end.lowerBound], as: UTF8.self)
        subscriber.unread.removeSubrange(..<end.upperBound)
        let lines = head.split(separator: "\r\n")
        let target = lines.first?.split(separator: " ").dropFirst().first.map(String.init) ?? "/"
        let key = lines.first { $0.lowercased().hasPrefix("sec-websocket-key:") }
        guard let key = key?.split(separator: ":", maxSplits: 1)[1].drop(while: { $0 == " " }) else {
            return answer(target, subscriber.connection)
        }
        world.after(millis: Double(world.random(0...20))) { [self] in
            guard !refusesUpgrades else {
                subscriber.connection.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
                return subscriber.connection.close()
            }
            send(
                Array(
                    ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        + "Sec-WebSocket-Accept: \(Handshake.acceptKey(for: String(key)))\r\n\r\n").utf8), subscriber)
            subscriber.isOpen = true
        }
    }

    private func answer(_ target: String, _ connection: Connection) {
        let isTrades = target.hasPrefix("/api/v3/historicalTrades")
        var delay = Double(world.random(1...30))
        var (status, body) = ("200 OK", market.history(target: target))
        switch history {
        case .serves: break
        case .refusesTrades:
            if isTrades { (status, body) = ("401 Unauthorized", "{\"code\":-2014,\"msg\":\"no key\"}") }
        case .fails: (status, body) = ("500 Internal Server Error", "{}")
        case .isSlow: delay = Double(world.random(500...4_000))
        case .cuts: return world.after(millis: delay) { connection.cut() }
        }
        let text = body ?? "{}"
        world.after(millis: delay) {
            connection.send(
                "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)"
            )
        }
    }

    /// Frames of a client are masked and short.
    private func takeFrames(_ subscriber: Subscriber) {
        while subscriber.unread.count >= 6 {
            let length = Int(subscriber.unread[1] & 0x7F)
            guard subscriber.unread.count >= 6 + length else { return }
            let opcode = subscriber.unread[0] & 0x0F
            let mask = subscriber.unread[2..<6].map { $0 }
            let payload = (0..<length).map { subscriber.unread[6 + $0] ^ mask[$0 % 4] }
            subscriber.unread.removeFirst(6 + length)
            switch opcode {
            case 0x9: send([0x8A, UInt8(length)] + payload, subscriber)
            case 0x8:
                send([0x88, UInt8(length)] + payload, subscriber)
                subscriber.connection.close()
            default: break
            }
        }
    }

    // MARK: what it sends

    /// A trade happens.
    func trade(_ instrument: Int) {
        let micros = Int64(2_000_000_000_000_000) + Int64(world.now / 1_000)
        let trade = market.trade(instrument, timeMicros: micros, random: UInt64(world.random(0...1 << 40)))
        guard reorders, held.isEmpty else {
            send(instrument, trade)
            for item in held { send(item.instrument, item.trade) }
            held = []
            return
        }
        held.append((instrument, trade))
    }

    private func send(_ instrument: Int, _ trade: SimulatedTrade) {
        for subscriber in subscribers where subscriber.isOpen {
            if subscriber.skips > 0 {
                subscriber.skips -= 1
                continue
            }
            let frame = Self.text(market.message(instrument, trade))
            let isDoubled = duplicatesOneIn > 0 && world.happens(oneIn: duplicatesOneIn)
            for _ in 0..<(isDoubled ? 2 : 1) {
                send(frame, subscriber)
                subscriber.sent.append((instrument, trade.id, subscriber.bytes))
            }
        }
    }

    private func send(_ bytes: [UInt8], _ subscriber: Subscriber) {
        subscriber.connection.send(bytes)
        subscriber.bytes += bytes.count
    }

    private static func text(_ message: String) -> [UInt8] {
        let payload = Array(message.utf8)
        guard payload.count > 125 else { return [0x81, UInt8(payload.count)] + payload }
        return [0x81, 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)] + payload
    }

    /// Puts on record what left whole.
    private func noteDeliveries(_ subscriber: Subscriber) {
        let left = subscriber.bytes - subscriber.connection.outgoing.count
        deliveries[subscriber.id] += subscriber.sent.filter { $0.end <= left }.map { ($0.instrument, $0.id) }
        subscriber.sent = []
    }

    /// The run's end: what is open counts as well.
    func noteDeliveries() { for subscriber in subscribers { noteDeliveries(subscriber) } }

    // MARK: what it does to them

    private var victim: Subscriber? {
        let open = subscribers.filter(\.isOpen)
        return open.isEmpty ? nil : open[world.random(0...open.count - 1)]
    }

    /// Ends a connection, maybe within a frame.
    func cut() {
        guard let victim, let trade = market.trades[0].last else { return }
        let frame = Self.text(market.message(0, trade))
        victim.connection.send(Array(frame.prefix(world.random(0...frame.count - 1))))
        world.happens(oneIn: 2) ? victim.connection.cut() : victim.connection.close()
    }

    /// Nothing moves on a connection any more, and nobody says so.
    func stall() { victim?.connection.isStalled = true }

    /// Some trades are not sent to one.
    func skip() { victim?.skips = world.random(1...20) }

    /// A message that is none.
    func sendMalformed() {
        guard let victim else { return }
        let texts = ["{", "{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\"}}", "[]", "{\"stream\":1}"]
        send(Self.text(texts[world.random(0...texts.count - 1)]), victim)
    }

    /// Asks one to go.
    func announceShutdown() {
        guard let victim else { return }
        send(
            Self.text(
                "{\"stream\":\"!serverShutdown\",\"data\":{\"e\":\"serverShutdown\",\"E\":\(world.now / 1_000_000)}}"),
            victim)
    }

    /// Ends what does not move: cables are whole again.
    func endStalled() {
        for subscriber in subscribers where subscriber.connection.isStalled { subscriber.connection.cut() }
    }

    /// Its own ping.
    func ping() { for subscriber in subscribers where subscriber.isOpen { send([0x89, 2, 0x61, 0x62], subscriber) } }
}
