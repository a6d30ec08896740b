public import Logging
import TradingModel

/// A swift-log handler that writes one JSON object a line through a `JSONLogWriter`.
///
/// Keys in this order: `time` (RFC 3339, UTC, milliseconds), `level`, `logger`, `message`, then the metadata's keys
/// sorted, then `error` and, at debug and below, `source`. A metadata key that is one of ours gets `meta.` in front.
/// Values under secret keys are masked, and so are user and password in every URL. Not for the hot threads: it allocates
/// and writes.
public struct JSONLogHandler: LogHandler {
    /// Longest text of a value, bytes; the rest is cut and `…` put in its place.
    public static let mostValueBytes = 4_096
    /// Most metadata members in a line; the rest is left out and counted in the member `metadataLeftOut`.
    public static let mostMetadataMembers = 64

    private static let ownKeys: Set<String> = [
        "time", "level", "logger", "message", "source", "suppressed", "metadataLeftOut",
    ]

    /// What every line of this logger carries; a line's own metadata goes before it.
    public var metadata: Logger.Metadata = [:]
    /// Where further metadata comes from, before `metadata` and after a line's own.
    public var metadataProvider: Logger.MetadataProvider?
    /// Lines below this level are not made.
    public var logLevel: Logger.Level

    private let label: String
    private let writer: JSONLogWriter

    /// A handler for the logger called `label`; `writer` is shared by all loggers of the process.
    public init(label: String, writer: JSONLogWriter, level: Logger.Level = .info) {
        self.label = label
        self.writer = writer
        logLevel = level
    }

    /// One member of `metadata`.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line, unless its message came too often. O(length); takes the writer's lock.
    public func log(event: LogEvent) {
        let message = event.message.description
        writer.write(logger: label, message: message, level: event.level.rawValue) { time in
            line(event, message: message, time: time)
        }
    }

    private func line(_ event: LogEvent, message: String, time: String) -> String {
        JSONText.object { json in
            json.member("time", time)
            json.member("level", event.level.rawValue)
            json.member("logger", label)
            json.member("message", Self.shown(message))
            let all = metadata.merging(metadataProvider?.get() ?? [:]) { _, provided in provided }
                .merging(event.metadata ?? [:]) { _, explicit in explicit }
            let sorted = all.sorted { $0.key < $1.key }
            for (key, value) in sorted.prefix(Self.mostMetadataMembers) {
                json.member(
                    isOwn(key, of: event) ? "meta.\(key)" : key, json: Self.json(value, key: key, depth: 0))
            }
            if sorted.count > Self.mostMetadataMembers {
                json.member("metadataLeftOut", json: "\(sorted.count - Self.mostMetadataMembers)")
            }
            if let error = event.error { json.member("error", Self.shown("\(error)")) }
            if event.level <= .debug { json.member("source", event.source) }
        }
    }

    /// Whether the line has a member of that name of its own; `error` only where the event carries one.
    private func isOwn(_ key: String, of event: LogEvent) -> Bool {
        Self.ownKeys.contains(key) || (key == "error" && event.error != nil)
    }

    /// Deeper nesting is printed as text.
    private static let mostDepth = 4

    private static func json(_ value: Logger.MetadataValue, key: String, depth: Int) -> String {
        guard !SecretMask.isSecret(key: key) else { return JSONText.quoted(SecretMask.replacement) }
        switch value {
        case .dictionary(let members) where depth < mostDepth:
            return JSONText.object { json in
                for (key, value) in members.sorted(by: { $0.key < $1.key }).prefix(mostMetadataMembers) {
                    json.member(key, json: Self.json(value, key: key, depth: depth + 1))
                }
            }
        case .array(let values) where depth < mostDepth:
            let list = values.prefix(mostMetadataMembers).map { json($0, key: key, depth: depth + 1) }
            return "[\(list.joined(separator: ","))]"
        case .dictionary, .array: return JSONText.quoted("nested too deeply")
        case .string(let text): return JSONText.quoted(shown(text))
        case .stringConvertible(let value): return JSONText.quoted(shown(value.description))
        }
    }

    /// Masked first, so that cutting can't part a URL from its `@`.
    private static func shown(_ text: String) -> String {
        let masked = SecretMask.masked(text)
        guard masked.utf8.count > mostValueBytes else { return masked }
        return String(decoding: masked.utf8.prefix(mostValueBytes), as: UTF8.self) + "…"
    }
}
