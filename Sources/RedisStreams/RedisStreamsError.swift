/// Why something between Tickline and Redis failed.
///
/// No case carries a password; every description is one line that names the remedy.
public enum RedisStreamsError: Error, Equatable, CustomStringConvertible {
    /// The address can't be read; the text says what is wrong with it.
    case invalidAddress(String)
    /// A scheme this version does not speak.
    case unsupportedScheme(String)
    /// A setting outside its range; the text names it, its value and the range.
    case invalidSetting(String)
    /// No connection: refused, unreachable, unknown host. The text names the address and the system's reason.
    case connect(String)
    /// No answer in time; the text says to what.
    case timeout(String)
    /// The server or the network ended the connection.
    case closed(String)
    /// Bytes that are no Redis protocol, or a reply that answers nothing.
    case malformedReply(String)
    /// An error reply: its first word, such as `READONLY`, and the whole line.
    case server(name: String, message: String)
    /// The process is stopping.
    case stopping

    /// One line with the remedy.
    public var description: String {
        switch self {
        case .invalidAddress(let what):
            "\(what); give redis://[user:password@]host[:port][/db], unix:///path/to/socket?db=N or host:port"
        case .unsupportedScheme(let scheme):
            scheme == "rediss"
                ? "rediss:// is not supported yet; use redis:// through a TLS tunnel where the network needs one"
                : "\(scheme):// is no Redis address; use redis://host:port or unix:///path"
        case .invalidSetting(let what): what
        case .connect(let what): "cannot connect to Redis at \(what); start it or correct --redis"
        case .timeout(let what): "Redis did not answer \(what) in time; it is blocked, overloaded or unreachable"
        case .closed(let why): "the connection to Redis ended: \(why); reconnecting"
        case .malformedReply(let what): "what answers is not Redis, or not our reply: \(what); check the address"
        case .server(let name, let message): "Redis refuses: \(message); \(ServerErrorPolicy.remedy(for: name))"
        case .stopping: "stopping"
        }
    }

    /// The value of the `error` label of `tickline_redis_errors_total`.
    var metricLabel: String {
        switch self {
        case .invalidAddress, .unsupportedScheme, .invalidSetting: "CONFIGURATION"
        case .connect: "CONNECT"
        case .timeout: "TIMEOUT"
        case .closed: "CLOSED"
        case .malformedReply: "PROTOCOL"
        case .server(let name, _): name
        case .stopping: "STOPPING"
        }
    }
}

/// What an error reply means for the publisher. Every one ends the connection, since later commands in flight may have
/// been carried out or not; reading the stream back settles that. The class decides how soon the next attempt is made.
enum ServerErrorPolicy {
    /// Errors that pass by themselves within moments: a failover, a loading server, a flushed script cache.
    private static let passing: Set<String> = [
        "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOSCRIPT", "UNBLOCKED", "NOQUORUM",
    ]

    /// Whether to retry at the reconnect pace; all others wait for somebody to act and are retried slowly.
    static func isPassing(_ name: String) -> Bool { passing.contains(name) }

    /// The first word of an error line where it is a code, else `ERR`; at most 32 bytes, so labels stay bounded.
    static func name(of message: String) -> String {
        let word = message.prefix { $0 != " " }
        let isCode = !word.isEmpty && word.utf8.count <= 32 && word.utf8.allSatisfy { (0x41...0x5A).contains($0) }
        return isCode ? String(word) : "ERR"
    }

    /// What an operator can do about it.
    static func remedy(for name: String) -> String {
        switch name {
        case "READONLY": "waiting for a writable master; point --redis at it if this one stays a replica"
        case "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOSCRIPT": "retrying, this passes by itself"
        case "OOM": "raise maxmemory or free memory in Redis; signals wait in the outbox"
        case "MISCONF": "repair Redis' disk or persistence settings; signals wait in the outbox"
        case "NOREPLICAS": "restore the replicas or lower min-replicas-to-write; signals wait in the outbox"
        case "NOAUTH", "WRONGPASS": "give the right user and password in --redis or REDIS_URL"
        case "NOPERM": "allow the user XADD, XREVRANGE, CLIENT and, with --publish once, EVALSHA and SCRIPT"
        case "WRONGTYPE": "the key is no stream; delete it or choose another with --signal-stream"
        case "MOVED", "ASK":
            "this is a cluster node that does not hold the stream; give the address of the one that does"
        default: "retrying slowly; see Redis' documentation for this error"
        }
    }
}
