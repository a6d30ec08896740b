import ExchangeSimulator
import Foundation
import Synchronization

/// What the exchanges really put on the wire, as runs of consecutive ids: the oracle's truth, small whatever the rate.
///
/// Quotes are only counted, since their ids merely rise. Written on the simulators' event loops, read at the end.
final class SentLedger: Sendable {
    /// Consecutive ids of one stream on one connection, in the order sent.
    struct Run: Encodable {
        var exchange: String
        var stream: String
        var connection: Int
        /// Whether a correct reader can take the messages: false for malformed ones.
        var isValid: Bool
        var first: UInt64
        var last: UInt64
    }

    private struct State {
        var runs: [Run] = []
        /// Readable messages by `exchange:stream` of those streams whose ids merely rise.
        var quotes: [String: Int] = [:]
        /// The position in `runs` of each stream's open run.
        var open: [String: Int] = [:]
        var messages = 0
    }

    private let state = Mutex(State())

    /// Takes one frame of `exchange`.
    func record(_ entry: LedgerEntry, exchange: String) {
        state.withLock { state in
            guard entry.treatment != .withheld else { return }
            state.messages += 1
            let key = "\(exchange):\(entry.stream)"
            let isValid = entry.treatment.isReadable
            guard let id = entry.firstID, entry.stream.hasSuffix("@trade") else {
                if entry.treatment == .sound { state.quotes[key, default: 0] += 1 }
                return
            }
            if let position = state.open[key], state.runs[position].connection == entry.connection,
                state.runs[position].isValid == isValid, state.runs[position].last &+ 1 == id
            {
                state.runs[position].last = id
                return
            }
            state.open[key] = state.runs.count
            state.runs.append(
                Run(
                    exchange: exchange, stream: entry.stream, connection: entry.connection, isValid: isValid,
                    first: id, last: id))
        }
    }

    /// Everything sent so far.
    var contents: (runs: [Run], quotes: [String: Int], messages: Int) {
        state.withLock { ($0.runs, $0.quotes, $0.messages) }
    }
}
