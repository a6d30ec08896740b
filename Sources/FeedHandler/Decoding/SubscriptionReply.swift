internal import FoundationEssentials

/// An exchange's answer to one of our requests: `SUBSCRIBE`, `UNSUBSCRIBE` or `LIST_SUBSCRIPTIONS`.
///
/// For cold paths: reading one allocates. Source: Binance's web-socket-streams.md, "Live Subscribing/Unsubscribing".
package struct SubscriptionReply: Sendable, Equatable {
    /// What the exchange says.
    package enum Outcome: Sendable, Equatable {
        /// `{"result":null,"id":1}`.
        case accepted
        /// `{"result":["btcusdt@trade"],"id":3}`: the streams that are subscribed.
        case list([String])
        /// `{"code":2,"msg":"Invalid request"}`, bare or as the value of `"error"`.
        case refused(code: Int, message: String)
    }

    /// The request's id; nil where the exchange could not read one, or where it is no integer, as all of ours are.
    package var id: Int64?
    /// What the exchange says.
    package var outcome: Outcome

    /// Creates a reply.
    package init(id: Int64?, outcome: Outcome) {
        self.id = id
        self.outcome = outcome
    }

    /// Reads a whole message; nil where it is no reply. Linear in the message.
    package init?(parsing message: UnsafeRawBufferPointer) {
        // An error here means "no reply"; what a message is instead, its decoder says and counts.
        guard let body = try? JSONDecoder().decode(Body.self, from: unsafe Data(message)) else { return nil }
        id = body.id
        outcome = body.outcome
    }
}

/// The forms of a reply, told apart by their keys.
private struct Body: Decodable {
    let id: Int64?
    let outcome: SubscriptionReply.Outcome

    private enum Key: String, CodingKey { case result, id, error, code, msg }

    private struct Refusal: Decodable {
        let code: Int
        let msg: String
        var outcome: SubscriptionReply.Outcome { .refused(code: code, message: msg) }
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Key.self)
        // Alphanumeric ids are allowed, but never ours: nothing to count.
        id = try? members.decodeIfPresent(Int64.self, forKey: .id)
        if members.contains(.error) {
            outcome = try members.decode(Refusal.self, forKey: .error).outcome
        } else if members.contains(.code) {
            outcome = try Refusal(from: decoder).outcome
        } else if try members.decodeNil(forKey: .result) {
            outcome = .accepted
        } else {
            outcome = .list(try members.decode([String].self, forKey: .result))
        }
    }
}
