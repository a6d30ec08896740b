internal import TradingModel

extension FeedPlan {
    /// Feeds of the best prices of all instruments that the plans name, from the hosts that the plans name them at; each
    /// instrument once. O(streams).
    public static func quotes(of plans: [FeedPlan]) -> [FeedPlan] {
        var known: Set<Instrument> = []
        return plans.flatMap { plan -> [FeedPlan] in
            var streams: [StreamName] = []
            for stream in plan.streams
            where known.insert(Instrument(exchange: plan.exchange, symbol: stream.symbol)).inserted {
                streams.append(StreamName(symbol: stream.symbol, kind: .quote, type: "bookTicker"))
            }
            guard !streams.isEmpty else { return [] }
            return FeedPlan(
                exchange: plan.exchange, host: plan.host, port: plan.port, isTLS: plan.isTLS,
                pathPrefix: plan.pathPrefix, addressing: plan.addressing, otherQueryItems: plan.otherQueryItems,
                streams: streams
            ).divided()
        }
    }
}
