/// One way in which the exchange misbehaves. `FaultRule` says where and when, and how it is written as text.
///
/// Faults of messages wait for messages that somebody is subscribed to; those of one stream happen one after the other.
public enum ExchangeFault: Sendable, Hashable {
    /// Ends all open connections.
    case cut(ConnectionCut)
    /// Withholds the next messages of a stream: a gap in its ids.
    case gap(count: Int)
    /// Sends the next messages of a stream and then all of them once more: repeats, and with more than one older ids.
    case duplicate(count: Int)
    /// Sends the next messages of a stream in another order; two change places, more are shuffled.
    case reorder(count: Int)
    /// Spoils the next messages of a stream; nil draws a kind for each.
    case malformed(Malformation?, count: Int)
    /// Multiplies the prices of the next messages of a stream.
    case spike(factor: Int, count: Int)
    /// From now on sends data messages in fragments of at most this many payload bytes.
    case fragment(maximumBytes: Int)
    /// From now on hands data to the socket in writes of at most this many bytes.
    case shortWrites(maximumBytes: Int)
    /// From now on answers no pings.
    case noPongs
    /// Sends this many pings at once on every open connection.
    case pings(count: Int)
    /// Announces the server's end on every open connection, which then stays as it is.
    case serverShutdown
    /// From now on treats subscriptions badly: those that name the rule's stream, or all.
    case subscriptions(SubscriptionFault)
    /// Spoils the next handshakes.
    case handshake(HandshakeFault, count: Int)
    /// Spoils the answers to the next requests for the trade history.
    case rest(RESTFault, count: Int)
    /// Ends everything that lasts or waits, and all rules.
    case calm

    /// Messages one fault may hold back, or pings it may send.
    public static let maximumCount = 10_000

    func validate() throws(SimulatorError) {
        switch self {
        case .cut(.close(let code)) where !(1000...4999).contains(code):
            throw .invalidSetting("there is no close code \(code); use 1000 to 4999")
        case .gap(let count) where count < 1:
            throw .invalidSetting("count must be at least 1, not \(count)")
        case .reorder(let count) where !(2...Self.maximumCount).contains(count):
            throw .invalidSetting("reorder needs a count of 2 to \(Self.maximumCount), not \(count)")
        case .duplicate(let count), .pings(let count), .malformed(_, let count), .spike(_, let count),
            .handshake(_, let count), .rest(_, let count):
            guard (1...Self.maximumCount).contains(count) else {
                throw .invalidSetting("count must be 1 to \(Self.maximumCount), not \(count)")
            }
            if case .rest(let fault, _) = self { try fault.validate() }
            if case .spike(let factor, _) = self, !(2...1_000_000).contains(factor) {
                throw .invalidSetting("factor must be 2 to 1000000, not \(factor)")
            }
        case .fragment(let bytes), .shortWrites(let bytes):
            guard bytes > 0 else { throw .invalidSetting("bytes must be at least 1, not \(bytes)") }
        default: break
        }
    }

    /// Whether it happens to messages, one by one.
    var isOfMessages: Bool {
        switch self {
        case .gap, .duplicate, .reorder, .malformed, .spike: true
        default: false
        }
    }

    /// Whether a stream's name makes a difference.
    var takesStream: Bool {
        if case .subscriptions = self { return true }
        return isOfMessages
    }
}

/// How a connection ends on command.
public enum ConnectionCut: Sendable, Hashable {
    /// A close frame with this code, then the TCP connection's orderly end.
    case close(code: UInt16)
    /// A TCP reset (`SO_LINGER` 0); what the client has not yet received may be lost, as it is in reality.
    case reset
    /// The connection stays open and nothing is sent on it any more, not even pongs: a half-open connection.
    case silence
}

/// How a subscription goes wrong.
public enum SubscriptionFault: String, Sendable, Hashable, CaseIterable {
    /// Requests get an error reply; streams named in the address are silent.
    case refused
    /// Requests are accepted and the stream never sends anything.
    case absent
}

/// How an upgrade request goes wrong.
public enum HandshakeFault: Sendable, Hashable {
    /// It is never answered.
    case stalled
    /// The answer's `Sec-WebSocket-Accept` belongs to another key.
    case wrongAccept
    /// The answer carries 64 KiB of headers.
    case hugeHeaders
    /// 301 with a `Location`.
    case redirect
    /// 429, with `Retry-After` in seconds unless nil.
    case tooManyRequests(retryAfterSeconds: Int?)
}
