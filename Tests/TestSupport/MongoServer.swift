import Foundation
import Glibc
import MongoStore
import TradingModel

/// A real mongod 6.0.5 of the test's own, on a free port of 127.0.0.1 over a temporary folder.
///
/// `scripts/fetch-mongod` puts the program into the checkout. Tests that need it carry `.enabled(if: MongoServer.shouldRun)`:
/// without it they are skipped visibly, and with `CI=true` they run and fail.
public final class MongoServer: @unchecked Sendable {
    // Unchecked: only used by the one test that owns this object.

    /// Where the program is expected.
    public static let program = Repository.root.appendingPathComponent(".run/mongod/mongod").path

    /// True where the program is there, and in CI.
    public static let shouldRun = Repository.isCI || FileManager.default.isExecutableFile(atPath: program)

    /// The port, which stays the same over restarts.
    public let port = freePort()
    private let folder: TemporaryFolder
    private let dataPath: String
    private let replicaSet: Bool
    private let extra: [String]
    private let hosts: [String]
    private var process: ServerProcess?

    /// A server that does not run yet: a replica set of one, or a standalone server; `arguments` are added to the usual ones.
    /// Its data are in `dataPath`, or in a folder of its own; it listens on `hosts` beside 127.0.0.1.
    public init(
        replicaSet: Bool = true, arguments: [String] = [], dataPath: String? = nil, hosts: [String] = []
    ) throws {
        folder = try TemporaryFolder("mongod")
        self.dataPath = dataPath ?? folder.path
        self.replicaSet = replicaSet
        extra = arguments
        self.hosts = hosts
    }

    /// Whether its process runs.
    public var isRunning: Bool { process?.isRunning ?? false }

    /// Kills the server and removes its folder.
    public func remove() {
        kill()
        folder.remove()
    }

    /// The address for clients.
    public var uri: String { "mongodb://127.0.0.1:\(port)/" + (replicaSet ? "?replicaSet=rs0" : "") }

    /// The address of this server alone, whatever its state.
    public var directURI: String { directURI(host: "127.0.0.1") }

    /// The same from where it has another address.
    public func directURI(host: String) -> String { "mongodb://\(host):\(port)/?directConnection=true" }

    /// Starts it over its folder and waits until it takes writes.
    public func start() async throws {
        let process = try launch()
        let client = try Client(uri: directURI)
        try await waitUntil("mongod takes writes", timeout: .seconds(60)) {
            guard process.isRunning else { throw ConditionTimeout(description: "mongod ended: \(process.output)") }
            return client.isWritable(initiating: replicaSet ? port : nil)
        }
    }

    /// Starts it over its folder and does not wait.
    @discardableResult
    public func launch() throws -> ServerProcess {
        var arguments = [
            "--dbpath", dataPath, "--port", "\(port)", "--bind_ip",
            (["127.0.0.1"] + hosts).joined(separator: ","), "--nounixsocket",
            "--wiredTigerCacheSizeGB", "0.25", "--setParameter", "ttlMonitorSleepSecs=1",
            "--setParameter", "enableTestCommands=1",
        ]
        if replicaSet { arguments += ["--replSet", "rs0", "--oplogSize", "64"] }
        let process = try ServerProcess(Self.program, arguments + extra, folder: folder.url, name: "mongod")
        self.process = process
        return process
    }

    /// A connection as a class, for closures to hold.
    private final class Client {
        private let connection: MongoConnection
        private var isInitiated = false

        init(uri: String) throws { connection = try MongoConnection(uri: uri) }

        /// Whether the server takes writes; makes it a replica set of one first, where a port is given.
        func isWritable(initiating port: Int?) -> Bool {
            do {
                if let port, !isInitiated { try initiate(port: port) }
                isInitiated = true
                return try run(#"{"hello": 1}"#).contains(#""isWritablePrimary" : true"#)
            } catch {
                return false  // not listening, or not primary yet: asked again until the time is over
            }
        }

        private func initiate(port: Int) throws {
            do {
                _ = try run(
                    #"""
                    {"replSetInitiate": {"_id": "rs0", "members": [{"_id": 0, "host": "127.0.0.1:\#(port)"}],
                     "settings": {"electionTimeoutMillis": 500}}}
                    """#)
            } catch let error as TradeStoreError where error.description.contains("already initialized") {
                return  // a restart over the same folder
            }
        }

        private func run(_ json: String) throws -> String { try connection.run(json, database: "admin") }
    }

    /// Ends it in order.
    public func stop() {
        process?.stop(SIGTERM)
        process = nil
    }

    /// Ends it at once, as a crash would.
    public func kill() {
        process?.stop(SIGKILL)
        process = nil
    }

    /// Sends it a signal, such as SIGSTOP.
    public func signal(_ number: Int32) { process?.signal(number) }

    /// Runs a command given in extended JSON and returns the reply's fields.
    @discardableResult
    public func run(_ json: String, database: String = "btc_data") throws -> [String: Any] {
        let connection = try MongoConnection(uri: directURI)
        let reply = try connection.run(json, database: database)
        return try JSONSerialization.jsonObject(with: Data(reply.utf8)) as? [String: Any] ?? [:]
    }

    /// Number of documents of a collection, counted one by one: what the server remembers is wrong after a crash.
    public func count(_ collection: String, database: String = "btc_data") throws -> Int {
        let reply = try run(#"{"count": "\#(collection)", "query": {"_id": {"$exists": true}}}"#, database: database)
        let number = reply["n"] as? [String: String]
        return Int(number?["$numberInt"] ?? number?["$numberLong"] ?? "") ?? -1
    }

    /// The documents that match, at most `most`, in canonical extended JSON's shape.
    public func find(
        _ collection: String, _ filter: String = "{}", sort: String = "{}", most: Int = 100
    ) throws -> [[String: Any]] {
        let reply = try run(
            #"""
            {"find": "\#(collection)", "filter": \#(filter), "sort": \#(sort), "limit": \#(most), "batchSize": \#(most)}
            """#)
        return (reply["cursor"] as? [String: Any])?["firstBatch"] as? [[String: Any]] ?? []
    }
}
