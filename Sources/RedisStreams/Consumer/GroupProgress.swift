internal import Foundation
internal import Telemetry
internal import TradingModel

/// A consumer group and its stream as `XINFO` tells them; what only Redis 7 and later tell is nil before it.
struct GroupState {
    let pending: Int
    /// Entries behind the last one delivered.
    let lag: Int?
    /// The last entry that any reader of the group was handed.
    let lastDelivered: StreamEntryID
    /// The last entry the stream ever had.
    let lastAdded: StreamEntryID
    /// How many entries were ever added to the stream.
    let added: Int?
    /// How many of them the group has read, as the server counts them: it does not count those removed in front of the group.
    let read: Int?

    /// Reads the group's element of `XINFO GROUPS` and the reply to `XINFO STREAM`; nil where they are none.
    init?(group: RedisReply, stream: RedisReply) {
        let (group, stream) = (Self.fields(group), Self.fields(stream))
        guard let pending = group["pending"]?.integer,
            let lastDelivered = group["last-delivered-id"]?.text.flatMap(StreamEntryID.init),
            let lastAdded = stream["last-generated-id"]?.text.flatMap(StreamEntryID.init)
        else { return nil }
        self.pending = Int(pending)
        self.lastDelivered = lastDelivered
        self.lastAdded = lastAdded
        lag = group["lag"]?.integer.map { Int($0) }
        read = group["entries-read"]?.integer.map { Int($0) }
        added = stream["entries-added"]?.integer.map { Int($0) }
    }

    /// The name in an element of `XINFO GROUPS`.
    static func name(_ group: RedisReply) -> String? { fields(group)["name"]?.text }

    private static func fields(_ reply: RedisReply) -> [String: RedisReply] {
        let parts = reply.elements ?? []
        var fields: [String: RedisReply] = [:]
        for index in stride(from: 0, to: parts.count - 1, by: 2) { fields[parts[index].text ?? ""] = parts[index + 1] }
        return fields
    }
}

/// Tells how many entries were removed from a stream before its group was handed them.
///
/// Where the group has read all there is, every entry ever added was either handed out or removed before. The server's own
/// count of what was read can't tell: trimming is not in it (7.0).
struct GroupProgress {
    /// How many entries of all that were ever added are accounted for; nil where that is not known.
    private var position: Int?

    /// Begins: what the group had read by then is no concern of this reader.
    mutating func begin(_ state: GroupState?) {
        // A group that is new has read nothing, which the server calls unknown.
        position = state.flatMap {
            $0.lastDelivered == $0.lastAdded ? $0.added : $0.lastDelivered == .zero ? 0 : $0.read
        }
    }

    /// Entries were handed out.
    mutating func deliver(_ count: Int) { position = position.map { $0 + count } }

    /// Entries that nobody was handed and that are not told yet; 0 while entries are left to be read.
    mutating func missed(_ state: GroupState) -> Int {
        guard state.lastDelivered == state.lastAdded, let added = state.added else { return 0 }
        defer { position = added }
        return max(0, added - (position ?? added))
    }
}

/// An entry of the stream of handled signals, with the fields that the earlier Go trader wrote.
enum ProcessedEntry {
    static func fields(of entry: SignalEntry) -> [String] {
        var data = entry.fields
        data["id"] = entry.position
        // Strings alone are always encodable.
        let json = (try? JSONSerialization.data(withJSONObject: data, options: [.sortedKeys])) ?? Data("{}".utf8)
        return [
            "original_id", entry.position, "original_data", String(decoding: json, as: UTF8.self), "processed", "1",
            "processed_at", entry.fields["time"] ?? "",
        ]
    }
}

/// What a reader counts.
struct ConsumerMetrics {
    let groupsMadeAgain: Counter
    let claimed: Counter
    let removed: Counter
    let missed: Counter
    private let registry: MetricsRegistry

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        groupsMadeAgain = registry.counter(
            "tickline_trader_groups_recreated_total",
            help: "Times the trader's consumer group was gone and was made again at the stream's beginning.")
        claimed = registry.counter(
            "tickline_trader_entries_claimed_total",
            help: "Pending entries taken over, those of earlier connections of the same trader included.")
        removed = registry.counter(
            "tickline_trader_pending_removed_total",
            help: "Pending entries that were removed from the stream before they were handled.")
        missed = registry.counter(
            "tickline_trader_entries_missed_total",
            help: "Entries that were removed from the stream before the trader's group was handed them.")
    }

    /// Counts an error by its label; labels are bounded by the server's own codes.
    func countError(_ label: String) {
        registry.counter(
            "tickline_redis_errors_total", help: "Redis errors by their name.",
            labels: [("error", label)]
        ).add()
    }
}
