internal import TradingModel

extension FeedPlan {
    /// Understands the second addresses of feeds: each doubles the first feed of its exchange that subscribes all the streams it
    /// names, has no other second address, and is at another host or port. It subscribes all streams of that feed, also those
    /// that were added.
    ///
    /// - Throws: a `FeedPlanError` that names the remedy.
    static func doubling(_ feeds: [FeedPlan], by texts: [String]) throws(FeedPlanError) -> [FeedPlan] {
        var twins: [FeedPlan] = []
        var free = Set(feeds.indices)
        for text in texts {
            let twin = try parse(text)
            let named = feeds.indices.filter { index in
                feeds[index].exchange == twin.exchange && twin.streams.allSatisfy(feeds[index].streams.contains)
            }
            guard !named.isEmpty else { throw .nothingToDouble(twin.address, twin.exchange) }
            let elsewhere = named.filter { !feeds[$0].isSameEndpoint(as: twin) }
            guard !elsewhere.isEmpty else { throw .sameEndpoint(twin.endpoint) }
            guard let index = elsewhere.first(where: free.contains) else { throw .doubledTwice(twin.address) }
            free.remove(index)
            twins.append(feeds[index].doubled(at: twin))
        }
        return twins
    }

    private var endpoint: String { "\(host):\(port)" }

    private func isSameEndpoint(as other: FeedPlan) -> Bool {
        port == other.port && host.lowercased() == other.host.lowercased()
    }
}
