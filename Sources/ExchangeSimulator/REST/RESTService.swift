/// Answers requests for the trade history, within the exchange's limits. Without I/O and without a clock; used on the event
/// loop only.
struct RESTService {
    /// Request weight a minute. [Binance Spot, USD-M: exchangeInfo, rateLimits]
    static let spotWeightPerMinute = 6_000
    static let usdMarginedWeightPerMinute = 2_400

    var history: TradeHistory
    private var spotWeight: RequestWeight
    private var usdMarginedWeight: RequestWeight

    init(_ source: any MessageSource, weightPerMinute: Int?) {
        history = TradeHistory(source)
        spotWeight = RequestWeight(limit: weightPerMinute ?? Self.spotWeightPerMinute)
        usdMarginedWeight = RequestWeight(limit: weightPerMinute ?? Self.usdMarginedWeightPerMinute)
    }

    /// The answer to a GET; `fault` is asked for one only where the request is within the limits.
    mutating func answer(
        _ endpoint: RESTEndpoint, uri: String, wallNanos: Int64, fault: () -> RESTFault?
    ) -> RESTAnswer {
        var answer: RESTAnswer
        switch take(endpoint, wallNanos: wallNanos) {
        case .admitted:
            let fault = fault()
            answer = fault?.replacement ?? self.answer(endpoint, uri: uri)
            answer.fault = fault
        case .limited(let seconds):
            answer = Self.refused(
                status: 429, seconds,
                "Too much request weight used; current limit is \(limit(endpoint)) "
                    + "request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
            )
        case .banned(let untilMillis, let seconds):
            answer = Self.refused(
                status: 418, seconds,
                "Way too much request weight used; IP banned until \(untilMillis). "
                    + "Please use WebSocket Streams for live updates to avoid bans.")
        }
        answer.headers.append(("X-MBX-USED-WEIGHT-1M", "\(weight(endpoint).used)"))
        return answer
    }

    private static func refused(status: Int, _ seconds: Int, _ message: String) -> RESTAnswer {
        var answer = RESTAnswer(RESTRefusal(-1003, message, status: status))
        answer.headers.append(("Retry-After", "\(seconds)"))
        return answer
    }

    private func answer(_ endpoint: RESTEndpoint, uri: String) -> RESTAnswer {
        // USD-M has trades by id for those who show a key, and this exchange has given none.
        if endpoint == .historicalTrades(.usdMargined) {
            return RESTAnswer(RESTRefusal(-2014, "API-key format invalid.", status: 401))
        }
        do throws(RESTRefusal) {
            let parameters = try RESTParameters(endpoint, uri: uri)
            guard let log = history[Market(venue: endpoint.venue, symbol: parameters.symbol)] else {
                throw RESTRefusal(-1121, "Invalid symbol.")
            }
            if case .historicalTrades = endpoint { return log.trades(parameters) }
            return log.aggregates(parameters)
        } catch {
            return RESTAnswer(error)
        }
    }

    // MARK: Weight

    private mutating func take(_ endpoint: RESTEndpoint, wallNanos: Int64) -> RequestWeight.Verdict {
        switch endpoint.venue {
        case .spot: spotWeight.take(endpoint.weight, wallNanos: wallNanos)
        case .usdMargined: usdMarginedWeight.take(endpoint.weight, wallNanos: wallNanos)
        }
    }

    private func weight(_ endpoint: RESTEndpoint) -> RequestWeight {
        endpoint.venue == .spot ? spotWeight : usdMarginedWeight
    }

    private func limit(_ endpoint: RESTEndpoint) -> Int { weight(endpoint).limit }
}
