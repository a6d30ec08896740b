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
    /// TLS could not be agreed on; the text names the address and the reason.
    case tls(String)
    /// A certificate was refused: the server's by us, ours by the server, or a file can't be used. The text names the remedy.
    case certificate(String)
    /// No sentinel answers; the text lists them with their reasons.
    case sentinels(String)
    /// The sentinels that answer know no master of this name.
    case unknownMaster(String)
    /// The server at this address, which a sentinel calls the master, is none (yet), or most call another one so.
    case notMaster(String)
    /// The server is a cluster's node or a sentinel: `cluster` or `sentinel`.
    case unsupportedMode(String, address: String)
    /// No answer in time; the text says to what.
    case timeout(String)
    /// The server or the network ended the connection.
    case closed(String)
    /// Bytes that are no Redis protocol, or a reply that answers nothing.
    case malformedReply(String)
    /// An error reply: its first word, such as `READONLY`, and the whole line.
    case server(name: String, message: String)
    /// Signals of earlier runs can't be read from where they are kept; the text says why.
    case earlierSignals(String)
    /// The process is stopping.
    case stopping

    /// One line with the remedy.
    public var description: String {
        switch self {
        case .invalidAddress(let what):
            "\(what); give redis[s]://[user:password@]host[:port][/db], redis[s]+sentinel://host[:port],…/master-name[/db],"
                + " unix:///path/to/socket?db=N or host:port"
        case .unsupportedScheme(let scheme):
            "\(scheme):// is no Redis address; use redis://host:port, rediss://host:port (TLS),"
                + " redis+sentinel://host:port,…/master-name or unix:///path"
        case .invalidSetting(let what): what
        case .tls(let what): what
        case .certificate(let what): "\(what) (--redis-ca-file, --redis-cert-file, --redis-key-file)"
        case .sentinels(let reasons):
            "no sentinel answers: \(reasons); start them, or correct --redis and its sentinelUser and sentinelPassword"
        case .unknownMaster(let name):
            "the sentinels know no master called \(name); correct the name in --redis or let them monitor it"
        case .notMaster(let address):
            "\(address) is not, or no longer, the sentinels' master; waiting for the end of a failover"
        case .unsupportedMode("cluster", let address):
            "\(address) is a node of a Redis Cluster, which is not supported yet; give --redis a single server or"
                + " redis+sentinel://host:port,…/master-name"
        case .unsupportedMode(_, let address):
            "\(address) is a sentinel, no server; give --redis redis+sentinel://host:port,…/master-name"
        case .connect(let what): "cannot connect to Redis at \(what); start it or correct --redis"
        case .timeout(let what): "Redis did not answer \(what) in time; it is blocked, overloaded or unreachable"
        case .closed(let why): "the connection to Redis ended: \(why); reconnecting"
        case .malformedReply(let what): "what answers is not Redis, or not our reply: \(what); check the address"
        case .server(let name, let message): "Redis refuses: \(message); \(ServerErrorPolicy.remedy(for: name))"
        case .earlierSignals(let why): "signals of earlier runs can't be read: \(why)"
        case .stopping: "stopping"
        }
    }

    /// The value of the `error` label of `tickline_redis_errors_total`.
    var metricLabel: String {
        switch self {
        case .invalidAddress, .unsupportedScheme, .invalidSetting: "CONFIGURATION"
        case .connect: "CONNECT"
        case .tls: "TLS"
        case .certificate: "CERTIFICATE"
        case .sentinels: "SENTINEL"
        case .unknownMaster: "UNKNOWNMASTER"
        case .notMaster: "NOTMASTER"
        case .unsupportedMode(let mode, _): mode == "cluster" ? "CLUSTER" : "NOTSERVER"
        case .timeout: "TIMEOUT"
        case .closed: "CLOSED"
        case .malformedReply: "PROTOCOL"
        case .server(let name, _): name
        case .earlierSignals: "EARLIERSIGNALS"
        case .stopping: "STOPPING"
        }
    }

    /// Whether it lasts until somebody acts, so that trying again soon is of no use.
    var waitsForOperator: Bool {
        switch self {
        case .invalidAddress, .unsupportedScheme, .invalidSetting, .certificate, .unknownMaster, .unsupportedMode,
            .earlierSignals:
            true
        case .server(let name, _): !ServerErrorPolicy.isPassing(name)
        case .connect, .tls, .sentinels, .notMaster, .timeout, .closed, .malformedReply, .stopping: false
        }
    }

    /// What happened, without the remedy, for lists.
    var summary: String {
        switch self {
        case .connect(let what), .timeout(let what), .closed(let what), .malformedReply(let what),
            .earlierSignals(let what):
            what
        case .server(_, let message): message
        default: description
        }
    }
}

/// What an error reply means for the publisher. Every one ends the connection, since later commands in flight may have
/// been carried out or not; reading the stream back settles that. The class decides how soon the next attempt is made.
enum ServerErrorPolicy {
    /// Errors that pass by themselves within moments: a failover, a loading server, replicas on their way back, a flushed
    /// script cache.
    private static let passing: Set<String> = [
        "READONLY", "LOADING", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN", "BUSY", "NOSCRIPT", "UNBLOCKED", "NOQUORUM",
    ]

    /// Whether to retry at the reconnect pace; all others wait for somebody to act and are retried slowly.
    static func isPassing(_ name: String) -> Bool { passing.contains(name) }

    /// The first word of an error line where it is a code, else `ERR`; at most 32 bytes, so labels stay bounded.
    ///
    /// Redis 7.0 calls a right that is missing inside a script plain `ERR`; it is what later ones say, `NOPERM`.
    static func name(of message: String) -> String {
        if message.hasPrefix("ERR The user executing the script can't") { return "NOPERM" }
        let word = message.prefix { $0 != " " }
        let isCode = !word.isEmpty && word.utf8.count <= 32 && word.utf8.allSatisfy { (0x41...0x5A).contains($0) }
        return isCode ? String(word) : "ERR"
    }

    /// What an operator can do about it.
    static func remedy(for name: String) -> String {
        switch name {
        case "READONLY": "waiting for a writable master; point --redis at it if this one stays a replica"
        case "LOADING", "MASTERDOWN", "TRYAGAIN", "BUSY", "NOSCRIPT": "retrying, this passes by itself"
        case "OOM": "raise maxmemory or free memory in Redis; signals wait in the outbox"
        case "MISCONF": "repair Redis' disk or persistence settings; signals wait in the outbox"
        case "NOREPLICAS": "restore the replicas or lower min-replicas-to-write; signals wait in the outbox"
        case "NOAUTH", "WRONGPASS": "give the right user and password in --redis or REDIS_URL"
        case "NOPERM":
            "allow the user this command on the stream's keys; README.md, Connecting to Redis, lists all it needs"
        case "WRONGTYPE": "the key is no stream; delete it or choose another with --signal-stream"
        case "MOVED", "ASK", "CLUSTERDOWN":
            "this is a node of a Redis Cluster, which is not supported yet; give --redis a single server or sentinels"
        default: "retrying slowly; see Redis' documentation for this error"
        }
    }
}
