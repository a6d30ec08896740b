internal import CMongoC
package import TradingModel

/// A pool of connections to one deployment, from which each operation borrows a client.
///
/// The driver watches the servers on threads of its own and reconnects by itself. Operations are synchronous and end
/// within the address's time limits. Used by one thread at a time.
@safe package struct MongoConnection: ~Copyable, @unchecked Sendable {
    // Unchecked: a client pool may be used from any thread, and the URI is not changed after `init`.
    private let pool: OpaquePointer
    private let uri: MongoURI

    /// Parses the address and makes the pool; contacts nobody, except that `mongodb+srv://` is looked up in the DNS.
    ///
    /// - Throws: `invalidURI`.
    package init(uri text: String) throws(MongoStoreError) {
        try self.init(uri: text, answerMillis: MongoURI.answerMillis)
    }

    /// The same with the time an answer may take where the address does not say it.
    init(uri text: String, answerMillis: Int32) throws(MongoStoreError) {
        let uri = try MongoURI(text, answerMillis: answerMillis)
        var error = bson_error_t()
        guard let pool = unsafe mongoc_client_pool_new_with_error(uri.raw, &error) else {
            let message = unsafe String(cString: CMongoC_message(&error))
            throw .invalidURI("\(MongoURI.masked(text)): \(MongoURI.hiding(uri.secrets, in: message))")
        }
        // Version 2 tells the server's own error codes from the driver's.
        unsafe mongoc_client_pool_set_error_api(pool, MONGOC_ERROR_API_VERSION_2)
        unsafe mongoc_client_pool_set_appname(pool, "tickline")
        unsafe self.pool = pool
        self.uri = uri
    }

    deinit { unsafe mongoc_client_pool_destroy(pool) }

    /// Runs one command, given in extended JSON, on the primary and returns the reply in canonical extended JSON: for
    /// set-up and diagnosis.
    ///
    /// - Throws: `refused` for text that is no JSON, otherwise as the server answers.
    package func run(_ json: String, database: String) throws(TradeStoreError) -> String {
        guard let command = BSONDocument(json: json) else { throw .refused("the command is no JSON document") }
        switch run(command, options: BSONDocument(), database: database) {
        case .success(let reply): return reply.json
        case .failure(let failure): throw failure.error
        }
    }

    /// Runs one command with the driver's options; where they give no write concern, the address's or the server's holds.
    func run(
        _ command: borrowing BSONDocument, options: borrowing BSONDocument, database: String
    ) -> CommandResult {
        guard let client = unsafe mongoc_client_pool_pop(pool) else { return .failure(.noConnection) }
        defer { unsafe mongoc_client_pool_push(pool, client) }
        let reply = BSONDocument()
        var error = bson_error_t()
        guard unsafe CMongoC_command(client, database, command.raw, options.raw, reply.raw, &error) else {
            return .failure(failure(&error))
        }
        return .success(reply)
    }

    /// Borrows a client for as long as `body` runs.
    func withClient<Result: ~Copyable>(
        _ body: (OpaquePointer) throws(TradeStoreError) -> Result
    ) throws(TradeStoreError) -> Result {
        guard let client = unsafe mongoc_client_pool_pop(pool) else { throw Failure.noConnection.error }
        defer { unsafe mongoc_client_pool_push(pool, client) }
        return try unsafe body(client)
    }

    /// The port's error for the driver's.
    func failure(_ error: inout bson_error_t) -> Failure {
        let message = MongoURI.hiding(uri.secrets, in: unsafe String(cString: CMongoC_message(&error)))
        let isServers = error.domain == MONGOC_ERROR_SERVER.rawValue
        let isAuthentication =
            error.domain == MONGOC_ERROR_CLIENT.rawValue && error.code == MONGOC_ERROR_CLIENT_AUTHENTICATE.rawValue
        let isRefusal = isAuthentication || (isServers && ServerErrorCode.refusesUs(Int32(bitPattern: error.code)))
        return Failure(
            code: isServers ? Int32(bitPattern: error.code) : 0,
            error: isRefusal ? .refused(message) : .unavailable(message))
    }

    /// `text` without the address's secrets.
    func withoutSecrets(_ text: String) -> String { MongoURI.hiding(uri.secrets, in: text) }

    /// Why a command failed.
    struct Failure: Sendable {
        /// The server's code, 0 where it was not the server that refused.
        let code: Int32
        let error: TradeStoreError

        static let noConnection = Failure(code: 0, error: .unavailable("no free connection in the pool"))
    }

    /// What became of a command.
    enum CommandResult: ~Copyable {
        case success(BSONDocument)
        case failure(Failure)
    }
}

/// The server's error codes that decide something (src/mongo/base/error_codes.yml of the server).
enum ServerErrorCode {
    /// The key is there already, in the index of `_id`.
    static let duplicateKey: Int32 = 11_000
    /// Such as a hint at an index that is not there.
    static let badValue: Int32 = 2
    /// An index of that key or name exists with other options.
    static let indexOptionsConflict: Int32 = 85
    static let indexKeySpecsConflict: Int32 = 86

    /// Credentials or permissions: retrying does not mend it. Unauthorized and AuthenticationFailed.
    static func refusesUs(_ code: Int32) -> Bool { code == 13 || code == 18 }

    /// The document will never be taken: BadValue, FailedToParse, TypeMismatch, InvalidBSON, DollarPrefixedFieldName,
    /// EmptyFieldName, DocumentValidationFailure, CannotIndexParallelArrays, BSONObjectTooLarge, KeyTooLong, a duplicate
    /// of a unique index that is not ours.
    static func refusesDocument(_ code: Int32) -> Bool {
        [2, 9, 14, 22, 52, 56, 121, 171, 10_334, 17_280, -11_000].contains(code)
    }
}
