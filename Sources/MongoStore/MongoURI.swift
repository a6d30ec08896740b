internal import CMongoC

/// A parsed connection string: completed with time limits, and shown without its secrets.
@safe struct MongoURI: ~Copyable {
    /// What is set where the address does not say it, milliseconds. A hung server then costs one attempt 3 s and a dead one
    /// 1 s; the driver's own defaults are minutes.
    static let defaultLimits: [(option: String, value: Int32)] = [
        (MONGOC_URI_SERVERSELECTIONTIMEOUTMS, 1_000), (MONGOC_URI_CONNECTTIMEOUTMS, 1_000),
        (MONGOC_URI_HEARTBEATFREQUENCYMS, 1_000),
    ]
    /// The same for an answer.
    static let answerMillis: Int32 = 3_000

    let raw: OpaquePointer
    /// What must not appear in any text.
    let secrets: [String]

    /// Parses `text`.
    ///
    /// - Throws: `invalidURI`.
    init(_ text: String, answerMillis: Int32 = Self.answerMillis) throws(MongoStoreError) {
        _ = MongoLibrary.initialized
        var error = bson_error_t()
        guard let raw = unsafe mongoc_uri_new_with_error(text, &error) else {
            // The driver's message may quote parts of the address.
            let message = unsafe String(cString: CMongoC_message(&error))
            throw .invalidURI("\(Self.masked(text)): \(Self.hiding(Self.secrets(in: text), in: message))")
        }
        unsafe self.raw = raw
        secrets =
            unsafe Self.secrets(in: text) + (mongoc_uri_get_password(raw).map { [unsafe String(cString: $0)] } ?? [])
        let limits = Self.defaultLimits + [(MONGOC_URI_SOCKETTIMEOUTMS, answerMillis)]
        for (option, value) in limits where !(unsafe mongoc_uri_has_option(raw, option)) {
            unsafe mongoc_uri_set_option_as_int32(raw, option, value)
        }
    }

    deinit { unsafe mongoc_uri_destroy(raw) }

    /// The address with every secret replaced by `***`; works on text that is no address, too.
    static func masked(_ text: String) -> String { hiding(secrets(in: text), in: text) }

    /// `text` with each of `secrets` replaced by `***`.
    static func hiding(_ secrets: [String], in text: String) -> String {
        secrets.filter { !$0.isEmpty }.reduce(text) { masked, secret in
            var result = ""
            var rest = masked[...]
            while let found = rest.firstRange(of: secret) {
                result += rest[..<found.lowerBound] + "***"
                rest = rest[found.upperBound...]
            }
            return result + rest
        }
    }

    /// The password as written, taken generously (an unescaped '@', ':' or '/' in it is the user's mistake and must not
    /// show it), and the options that carry secrets.
    private static func secrets(in text: String) -> [String] {
        let start = text.firstRange(of: "://")?.upperBound ?? text.startIndex
        let questionMark = text[start...].lastIndex(of: "?") ?? text.endIndex
        var secrets: [String] = []
        if let at = text[start..<questionMark].lastIndex(of: "@") {
            // Without a colon it may be a password given in a user's place.
            let colon = text[start..<at].firstIndex(of: ":").map { text.index(after: $0) }
            secrets.append(String(text[(colon ?? start)..<at]))
        }
        for option in text[questionMark...].dropFirst().split(separator: "&") {
            guard let equals = option.firstIndex(of: "=") else { continue }
            let name = option[..<equals].lowercased()
            if name == "tlscertificatekeyfilepassword" || name == "authmechanismproperties" {
                secrets.append(String(option[option.index(after: equals)...]))
            }
        }
        return secrets
    }
}
