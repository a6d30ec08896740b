// A rule as text: KIND[:VARIANT][,KEY=VALUE…], the same on the command line and on the control address.

extension FaultRule {
    /// What a rule's text may say, for help and errors; one fault a line.
    public static let grammar = """
        cut:reset | cut:silence | cut:close[,code=1001]
        gap[,count=1]  duplicate[,count=1]  reorder[,count=2]  spike[,factor=10][,count=1]
        malformed[:\(Malformation.allCases.map(\.rawValue).joined(separator: "|"))][,count=1]
        fragment[,bytes=16]  short-writes[,bytes=1]  no-pongs  pings[,count=100]  server-shutdown
        subscriptions:refused|absent
        handshake:stalled|wrong-accept|huge-headers|301|429[,retry-after=SECONDS][,count=1]
        rest:401|403|429|500|delayed|cut[,retry-after=SECONDS][,by=1s][,count=1]
        calm (ends all that lasts or waits)
        Those of messages and subscriptions may have stream=NAME; all may have one of after=MESSAGES, every=MESSAGES,
        every=TIME and every=TIME..TIME. It speaks plain TCP: a wrong certificate needs a TLS server in front of it.
        """

    /// Reads `KIND[:VARIANT][,KEY=VALUE…]`, such as `gap,count=3,stream=btcusdt@trade,after=500` or `cut:reset,every=10s`.
    ///
    /// - Throws: `badFault` with the reason, `invalidSetting` for numbers out of range.
    public init(parsing text: String) throws(SimulatorError) {
        var words = try Words(text)
        let fault = try ExchangeFault(&words)
        let stream = words.take("stream")
        var trigger = FaultTrigger.atOnce
        if let count = try words.number("after") { trigger = .afterMessages(count) }
        if let value = words.take("every") {
            guard trigger == .atOnce else { throw words.refusal("after and every exclude each other") }
            trigger = try words.every(value)
        }
        try words.checkUsedUp()
        self.init(fault, on: stream, trigger)
        try validate()
    }
}

extension ExchangeFault {
    fileprivate init(_ words: inout Words) throws(SimulatorError) {
        switch words.kind {
        case "cut":
            let code = try words.number("code")
            switch words.takeVariant() {
            case "close": self = .cut(.close(code: UInt16(clamping: code ?? 1001)))
            case "reset" where code == nil: self = .cut(.reset)
            case "silence" where code == nil: self = .cut(.silence)
            default: throw words.refusal("a cut is close, reset or silence; only close has a code")
            }
        case "gap": self = .gap(count: try words.number("count") ?? 1)
        case "duplicate": self = .duplicate(count: try words.number("count") ?? 1)
        case "reorder": self = .reorder(count: try words.number("count") ?? 2)
        case "spike":
            self = .spike(factor: try words.number("factor") ?? 10, count: try words.number("count") ?? 1)
        case "malformed":
            let name = words.takeVariant()
            let kind = name.flatMap(Malformation.init(rawValue:))
            if name != nil, kind == nil {
                let kinds = Malformation.allCases.map(\.rawValue).joined(separator: ", ")
                throw words.refusal("malformed messages are \(kinds)")
            }
            self = .malformed(kind, count: try words.number("count") ?? 1)
        case "fragment": self = .fragment(maximumBytes: try words.number("bytes") ?? 16)
        case "short-writes": self = .shortWrites(maximumBytes: try words.number("bytes") ?? 1)
        case "no-pongs": self = .noPongs
        case "pings": self = .pings(count: try words.number("count") ?? 100)
        case "server-shutdown": self = .serverShutdown
        case "subscriptions":
            guard let fault = words.takeVariant().flatMap(SubscriptionFault.init(rawValue:)) else {
                throw words.refusal("subscriptions are refused or absent")
            }
            self = .subscriptions(fault)
        case "handshake":
            let seconds = try words.number("retry-after")
            let faults: [String: HandshakeFault] = [
                "stalled": .stalled, "wrong-accept": .wrongAccept, "huge-headers": .hugeHeaders, "301": .redirect,
                "429": .tooManyRequests(retryAfterSeconds: seconds),
            ]
            guard let name = words.takeVariant(), let fault = faults[name], seconds == nil || name == "429" else {
                throw words.refusal(
                    "handshakes are stalled, wrong-accept, huge-headers, 301 or 429; only 429 has retry-after")
            }
            self = .handshake(fault, count: try words.number("count") ?? 1)
        case "rest": self = .rest(try RESTFault(&words), count: try words.number("count") ?? 1)
        case "calm": self = .calm
        default:
            throw words.refusal(
                "no such kind; there are cut, gap, duplicate, reorder, spike, malformed, fragment, short-writes, no-pongs,"
                    + " pings, server-shutdown, subscriptions, handshake, rest and calm")
        }
    }
}

extension RESTFault {
    fileprivate init(_ words: inout Words) throws(SimulatorError) {
        let seconds = try words.number("retry-after")
        let delay = try words.time("by")
        switch words.takeVariant() {
        case "401" where seconds == nil && delay == nil: self = .refused(status: 401)
        case "403" where seconds == nil && delay == nil: self = .refused(status: 403)
        case "429" where delay == nil: self = .tooManyRequests(retryAfterSeconds: seconds)
        case "500" where seconds == nil && delay == nil: self = .serverError
        case "delayed" where seconds == nil: self = .delayed(delay ?? .seconds(1))
        case "cut" where seconds == nil && delay == nil: self = .cut
        default:
            throw words.refusal(
                "answers are 401, 403, 429, 500, delayed or cut; only 429 has retry-after and only delayed has by")
        }
    }
}

/// The parts of a fault's text, each taken once.
private struct Words {
    let text: String
    let kind: String
    private var variant: String?
    private var values: [String: String] = [:]

    init(_ text: String) throws(SimulatorError) {
        self.text = text
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let head = parts[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        kind = String(head[0])
        variant = head.count > 1 ? String(head[1]) : nil
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { throw refusal("'\(part)' is not of the form key=value") }
            guard values.updateValue(String(pair[1]), forKey: String(pair[0])) == nil else {
                throw refusal("\(pair[0]) is given twice")
            }
        }
    }

    func refusal(_ reason: String) -> SimulatorError { .badFault(text: text, reason: reason) }

    mutating func takeVariant() -> String? {
        defer { variant = nil }
        return variant
    }

    mutating func take(_ key: String) -> String? { values.removeValue(forKey: key) }

    mutating func number(_ key: String) throws(SimulatorError) -> Int? {
        guard let value = take(key) else { return nil }
        guard let number = Int(value) else { throw refusal("\(key)=\(value) is not a whole number") }
        return number
    }

    mutating func time(_ key: String) throws(SimulatorError) -> Duration? {
        guard let value = take(key) else { return nil }
        guard let time = Self.duration(value) else { throw refusal("\(key)=\(value) is not a time such as 500ms") }
        return time
    }

    /// A count of messages, a time, or two times to draw from.
    func every(_ value: String) throws(SimulatorError) -> FaultTrigger {
        if let count = Int(value) { return .everyMessages(count) }
        let ends = value.split(separator: "..", maxSplits: 1).map { Self.duration(String($0)) }
        guard let least = ends.first ?? nil, let most = ends.last ?? nil, least <= most else {
            throw refusal("every takes a number of messages, a time such as 10s, or two such as 2s..8s")
        }
        return .every(least...most)
    }

    private static func duration(_ text: String) -> Duration? {
        let units: [(String, Duration)] = [("ms", .milliseconds(1)), ("s", .seconds(1)), ("m", .seconds(60))]
        guard let (suffix, unit) = units.first(where: { text.hasSuffix($0.0) }),
            let amount = Double(text.dropLast(suffix.count)), amount > 0, amount < 1e6
        else { return nil }
        return unit * amount
    }

    /// Refuses what no part of the rule has taken.
    func checkUsedUp() throws(SimulatorError) {
        if let variant { throw refusal("\(kind) has no variant '\(variant)'") }
        if let key = values.keys.min() { throw refusal("\(kind) has no \(key)") }
    }
}
