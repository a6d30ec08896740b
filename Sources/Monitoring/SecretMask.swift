/// Takes secrets out of what is printed: user and password of URLs, and values whose key says that they are secret.
enum SecretMask {
    static let replacement = "***"

    /// Parts of a key (in lower case, without `-` and `_`) that make its value a secret.
    private static let secretKeyParts = [
        "password", "passwd", "passphrase", "secret", "token", "authorization", "apikey", "credential", "privatekey",
        "signature", "cookie", "authmechanismproperties",
    ]

    static func isSecret(key: some StringProtocol) -> Bool {
        let plain = key.lowercased().filter { $0 != "-" && $0 != "_" }
        return secretKeyParts.contains { plain.contains($0) }
    }

    /// `text` with every URL in it masked.
    static func masked(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var position = 0
        while let start = bytes[position...].firstIndex(of: UInt8(ascii: ":")) {
            let authority = start + 3
            guard bytes[start...].starts(with: "://".utf8) else {
                result += bytes[position...start]
                position = start + 1
                continue
            }
            // A URL in running text ends at a blank, a quote or a bracket.
            let end = bytes[authority...].firstIndex { $0 <= 0x20 || "\"'<>`".utf8.contains($0) } ?? bytes.endIndex
            result += bytes[position..<authority]
            result += maskedRest(bytes[authority..<end])
            position = end
        }
        result += bytes[position...]
        return String(decoding: result, as: UTF8.self)
    }

    /// `value` masked as one URL from its beginning to its end.
    static func masked(whole value: String) -> String {
        let bytes = Array(value.utf8)
        let authority = value.firstRange(of: "://").map {
            value.utf8.distance(from: value.startIndex, to: $0.upperBound)
        }
        var rest = bytes[(authority ?? 0)...]
        var result = Array(bytes[..<rest.startIndex])
        if endOfUserInformation(rest) != nil, let last = rest.lastIndex(of: UInt8(ascii: "@")) {
            result += "\(replacement)@".utf8
            rest = rest[(last + 1)...]
        }
        return String(decoding: result + maskedRest(rest), as: UTF8.self)
    }

    /// What follows `://`: the user information goes, and secret values in the query do.
    private static func maskedRest(_ rest: ArraySlice<UInt8>) -> [UInt8] {
        var rest = rest
        if let end = endOfUserInformation(rest) { rest = rest[(end + 1)...] }
        guard let query = rest.firstIndex(of: UInt8(ascii: "?")) else { return Array(rest) }
        var result = Array(rest[...query])
        for (index, pair) in rest[(query + 1)...].split(
            separator: UInt8(ascii: "&"), omittingEmptySubsequences: false
        ).enumerated() {
            if index > 0 { result.append(UInt8(ascii: "&")) }
            let key = pair.prefix { $0 != UInt8(ascii: "=") }
            if key.count < pair.count, isSecret(key: String(decoding: key, as: UTF8.self)) {
                result += key + "=\(replacement)".utf8
            } else {
                result += pair
            }
        }
        return result
    }

    /// Where the `@` behind user and password is; nil where there are none.
    ///
    /// A password typed without percent-encoding may hold `/`, `?`, `#` and `@`, and a path may hold `@` too
    /// (`/ws/btcusdt@trade`). So the part before the first of `/?#` decides: with an `@` it ends at the last one in it;
    /// without, it is a password's beginning where a colon in it is not followed by a port, and then everything to the
    /// last `@` goes. Rather too much is masked than too little.
    private static func endOfUserInformation(_ rest: ArraySlice<UInt8>) -> Int? {
        let authority = rest.prefix { !"/?#".utf8.contains($0) }
        if let last = authority.lastIndex(of: UInt8(ascii: "@")) { return last }
        guard !authority.contains(UInt8(ascii: "[")) else { return nil }  // an IPv6 address
        // MongoDB names several hosts: `one:27017,two:27017`.
        let isHosts = authority.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).allSatisfy {
            host in
            guard let colon = host.firstIndex(of: UInt8(ascii: ":")) else { return true }
            return colon > host.startIndex && host[(colon + 1)...].allSatisfy { (0x30...0x39).contains($0) }
        }
        return isHosts ? nil : rest.lastIndex(of: UInt8(ascii: "@"))
    }
}

/// A whole value, such as a setting's, that is a URL or the part behind its `://`: user and password become `***`, secret
/// query values too. Unlike one in running text the URL goes on to the end, and a password to the last `@`. O(length).
public func maskedSecret(_ value: String) -> String { SecretMask.masked(whole: value) }

/// `url` (or any text with URLs in it) without user names, passwords and secret query values, fit for printing. O(length).
public func maskedURL(_ url: String) -> String { SecretMask.masked(url) }
