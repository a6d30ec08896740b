/// How the answer to a request for the trade history goes wrong.
public enum RESTFault: Sendable, Hashable {
    /// 401 or 403 to those who ask for trades by id; others are answered as ever.
    case refused(status: Int)
    /// 429, with `Retry-After` in seconds unless nil.
    case tooManyRequests(retryAfterSeconds: Int?)
    /// 500.
    case serverError
    /// The answer comes this much later.
    case delayed(Duration)
    /// The connection ends in the middle of the body, whose whole length was announced.
    case cut

    /// Longer than any client waits.
    public static let maximumDelay = Duration.seconds(600)

    /// The name in ledger files and, with its numbers, on the command line.
    public var name: String {
        switch self {
        case .refused(let status): "\(status)"
        case .tooManyRequests: "429"
        case .serverError: "500"
        case .delayed: "delayed"
        case .cut: "cut"
        }
    }

    func validate() throws(SimulatorError) {
        switch self {
        case .refused(let status) where status != 401 && status != 403:
            throw .invalidSetting("trades by id are refused with 401 or 403, not \(status)")
        case .tooManyRequests(let seconds?) where seconds < 0:
            throw .invalidSetting("retry-after must be 0 or more seconds, not \(seconds)")
        case .delayed(let time) where time <= .zero || time > Self.maximumDelay:
            throw .invalidSetting("an answer is delayed by more than 0 and at most \(Self.maximumDelay), not \(time)")
        default: break
        }
    }

    /// What is answered instead; nil where the answer is the right one.
    var replacement: RESTAnswer? {
        switch self {
        case .refused(401): return RESTAnswer(RESTRefusal(-2014, "API-key format invalid.", status: 401))
        case .refused(let status):
            // The firewall in front of the exchange speaks no JSON.
            var answer = RESTAnswer(status: status, body: "<html><body><h1>\(status) Forbidden</h1></body></html>")
            answer.contentType = "text/html"
            return answer
        case .tooManyRequests(let seconds):
            var answer = RESTAnswer(RESTRefusal(-1003, "Too many requests.", status: 429))
            if let seconds { answer.headers.append(("Retry-After", "\(seconds)")) }
            return answer
        case .serverError:
            return RESTAnswer(
                RESTRefusal(-1000, "An unknown error occurred while processing the request.", status: 500))
        case .delayed, .cut: return nil
        }
    }
}

/// The faults that wait for requests, in the order they were asked for.
struct RESTFaultQueue {
    private var waiting: [(fault: RESTFault, left: Int)] = []

    /// Lets a fault wait for the next `count` requests it concerns.
    mutating func add(_ fault: RESTFault, count: Int) throws(SimulatorError) {
        guard waiting.count < FaultPlan.maximumWaiting else { throw .tooManyFaults(FaultPlan.maximumWaiting) }
        waiting.append((fault, count))
    }

    mutating func removeAll() { waiting = [] }

    /// How the answer to this request goes wrong; nil: not at all.
    mutating func next(for endpoint: RESTEndpoint) -> RESTFault? {
        let position = waiting.firstIndex { item in
            guard case .refused = item.fault else { return true }
            guard case .historicalTrades = endpoint else { return false }
            return true
        }
        guard let position else { return nil }
        let fault = waiting[position].fault
        waiting[position].left -= 1
        if waiting[position].left == 0 { waiting.remove(at: position) }
        return fault
    }
}
