import Foundation
import TestSupport

/// What a `tickline run` printed, read as it grows: log lines of its feeds, and signals.
struct RunLog {
    /// A feed's connection that came or went.
    struct Event {
        var time: Date
        var feed: String
        /// Why it ended; nil where it came.
        var reason: String?
    }

    /// A signal's symbol and the wall-clock time at which its tick was received.
    struct Signal {
        var symbol: String
        var received: Date
    }

    private(set) var events: [Event] = []
    private(set) var signals: [Signal] = []
    private let file: FileHandle
    private var rest = Data()
    private let times = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    init(_ process: ServerProcess) throws { file = try FileHandle(forReadingFrom: process.log) }

    /// Reads what is new.
    mutating func update() throws {
        rest += try file.readToEnd() ?? Data()
        while let end = rest.firstIndex(of: 0x0A) {
            let line = rest[..<end]
            rest = Data(rest[(end + 1)...])
            guard let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any] else { continue }
            take(object)
        }
    }

    private mutating func take(_ line: [String: Any]) {
        if let symbol = line["symbol"] as? String, let nanos = (line["receiveTime"] as? String).flatMap({ Double($0) })
        {
            signals.append(Signal(symbol: symbol, received: Date(timeIntervalSince1970: nanos / 1e9)))
        }
        guard let message = line["message"] as? String, ["feed connected", "feed disconnected"].contains(message),
            let feed = line["feed"] as? String, let text = line["time"] as? String, let time = try? times.parse(text)
        else { return }
        events.append(Event(time: time, feed: feed, reason: line["reason"] as? String))
    }

    /// When the feed next connected after `moment`; nil while it has not.
    func connected(_ feed: String, after moment: Date) -> Date? {
        events.first { $0.feed == feed && $0.reason == nil && $0.time >= moment }?.time
    }

    /// The first signal of `symbol` received after `moment`.
    func signal(_ symbol: String, after moment: Date) -> Date? {
        signals.first { $0.symbol == symbol && $0.received >= moment }?.received
    }
}
