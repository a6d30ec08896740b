internal import Foundation

/// What can be asked for of the trade history. [Binance Spot, rest-api.md; USD-M futures: market data endpoints]
enum RESTEndpoint: Equatable {
    case historicalTrades(Venue)
    case aggregateTrades(Venue)

    /// The endpoint of a request's path; nil for other paths.
    init?(uri: String) {
        switch uri.prefix(while: { $0 != "?" }) {
        case "/api/v3/historicalTrades": self = .historicalTrades(.spot)
        case "/api/v3/aggTrades": self = .aggregateTrades(.spot)
        case "/fapi/v1/historicalTrades": self = .historicalTrades(.usdMargined)
        case "/fapi/v1/aggTrades": self = .aggregateTrades(.usdMargined)
        default: return nil
        }
    }

    var venue: Venue {
        switch self {
        case .historicalTrades(let venue), .aggregateTrades(let venue): venue
        }
    }

    /// What a request weighs.
    var weight: Int {
        switch self {
        case .historicalTrades(.spot): 25
        case .aggregateTrades(.spot): 4
        case .historicalTrades(.usdMargined), .aggregateTrades(.usdMargined): 20
        }
    }

    fileprivate var parameterNames: Set<String> {
        switch self {
        case .historicalTrades: ["symbol", "fromId", "limit"]
        case .aggregateTrades: ["symbol", "fromId", "startTime", "endTime", "limit"]
        }
    }
}

/// An error in the exchange's words. [errors.md]
struct RESTRefusal: Error, Equatable {
    var status: Int
    var code: Int
    var message: String

    /// A 400.
    init(_ code: Int, _ message: String, status: Int = 400) {
        self.status = status
        self.code = code
        self.message = message
    }

    var json: String { "{\"code\":\(code),\"msg\":\"\(message)\"}" }
}

/// The parameters of a request, checked.
struct RESTParameters: Equatable {
    static let limits = 1...1_000
    static let defaultLimit = 500
    /// USD-M: what `startTime` and `endTime` must be less than apart.
    static let windowMillis: Int64 = 60 * 60 * 1_000

    var symbol: String
    var fromID: UInt64?
    var startMillis: Int64?
    var endMillis: Int64?
    var limit: Int

    /// Reads the query of `uri`.
    init(_ endpoint: RESTEndpoint, uri: String) throws(RESTRefusal) {
        var values = try Self.values(of: uri)
        // Futures read what they know; Spot refuses what it has not read.
        let unknown = values.keys.filter { !endpoint.parameterNames.contains($0) }.count
        if endpoint.venue == .spot, unknown > 0 {
            let (read, sent) = (values.count - unknown, values.count)
            throw RESTRefusal(
                -1104, "Not all sent parameters were read; read '\(read)' parameter(s) but was sent '\(sent)'.")
        }
        symbol = try Self.symbol(values.removeValue(forKey: "symbol"))
        fromID = try Self.integer(values["fromId"], "fromId").map { UInt64($0) }
        startMillis = try Self.integer(values["startTime"], "startTime")
        endMillis = try Self.integer(values["endTime"], "endTime")
        let limit = try Self.integer(values["limit"], "limit")
        guard let checked = Int(exactly: limit ?? Int64(Self.defaultLimit)), Self.limits.contains(checked) else {
            throw Self.invalid("limit")
        }
        self.limit = checked
        try checkCombination(endpoint.venue)
    }

    private func checkCombination(_ venue: Venue) throws(RESTRefusal) {
        if fromID != nil, startMillis != nil || endMillis != nil {
            throw RESTRefusal(-1128, "Combination of optional parameters invalid.")
        }
        guard let startMillis, let endMillis else { return }
        guard startMillis <= endMillis else {
            throw venue == .usdMargined
                ? RESTRefusal(-1023, "Start time is greater than end time.")
                : RESTRefusal(-1128, "Combination of optional parameters invalid.")
        }
        if venue == .usdMargined, endMillis - startMillis >= Self.windowMillis {
            throw RESTRefusal(-1127, "More than 1 hours between startTime and endTime.")
        }
    }

    private static func values(of uri: String) throws(RESTRefusal) -> [String: String] {
        let query = uri.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
        var values: [String: String] = [:]
        for item in query.split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(pair[0])
            // What is no sound escape becomes an illegal character.
            let value = pair.count > 1 ? String(pair[1]).removingPercentEncoding ?? "%" : ""
            guard values.updateValue(value, forKey: name) == nil else {
                throw RESTRefusal(-1101, "Duplicate values for a parameter detected.")
            }
        }
        return values
    }

    private static func symbol(_ text: String?) throws(RESTRefusal) -> String {
        guard let text, !text.isEmpty else {
            throw RESTRefusal(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        }
        let isLegal =
            text.utf8.count <= 20
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || "-_.".utf8.contains($0)
            }
        guard isLegal else { throw illegal("symbol", "^[A-Z0-9-_.]{1,20}$") }
        return text
    }

    private static func integer(_ text: String?, _ name: String) throws(RESTRefusal) -> Int64? {
        guard let text else { return nil }
        guard !text.isEmpty else { throw RESTRefusal(-1105, "Parameter '\(name)' was empty.") }
        guard text.utf8.count <= 20, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw illegal(name, "^[0-9]{1,20}$")
        }
        guard let value = Int64(text) else { throw invalid(name) }
        return value
    }

    private static func illegal(_ name: String, _ range: String) -> RESTRefusal {
        RESTRefusal(-1100, "Illegal characters found in parameter '\(name)'; legal range is '\(range)'.")
    }

    private static func invalid(_ name: String) -> RESTRefusal {
        RESTRefusal(-1130, "Data sent for parameter '\(name)' is not valid.")
    }
}
