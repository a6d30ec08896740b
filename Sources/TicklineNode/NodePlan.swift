import FeedHandler
import RedisStreams
import TradingModel

/// What a run consists of, worked out from the settings before anything is started.
struct NodePlan {
    /// One per feed, in the order of the settings.
    let feeds: [FeedPlan]
    /// Instruments and strategies.
    let catalog: MarketCatalog
    /// Redis, nil for the console.
    let redis: RedisEndpoint?

    /// Understands addresses and scales.
    ///
    /// - Throws: `SettingsError.conflict` with the remedy of whatever was not understood.
    init(settings: Settings) throws(SettingsError) {
        do {
            feeds = try FeedPlan.plans(parsing: settings.feeds)
            let files = RedisTLSFiles(
                caFile: settings.redisCAFile, certificateFile: settings.redisCertFile, keyFile: settings.redisKeyFile)
            guard settings.redis != nil || files == RedisTLSFiles() else {
                throw SettingsError.conflict("certificate files for Redis need its address: give --redis rediss://host")
            }
            redis = try settings.redis.map { try RedisEndpoint(url: $0, files: files) }
        } catch {
            throw .conflict("\(error)")
        }
        guard feeds.count <= Self.mostFeeds else {
            throw .conflict("\(feeds.count) feeds are too many; give at most \(Self.mostFeeds)")
        }
        var specifications = FeedPlan.specifications(of: feeds)
        for scale in settings.scales {
            let matches = specifications.indices.filter {
                let instrument = specifications[$0].instrument
                return scale.instrument == "\(instrument)" || scale.instrument == instrument.symbol
            }
            guard !matches.isEmpty else {
                let known = specifications.map { "\($0.instrument)" }.joined(separator: ", ")
                throw .conflict("--scale names \(scale.instrument), which no feed subscribes; subscribed: \(known)")
            }
            for index in matches {
                specifications[index].priceDecimals = scale.priceDecimals
                specifications[index].quantityDecimals = scale.quantityDecimals
            }
        }
        catalog = MarketCatalog(instruments: specifications, strategies: [settings.strategy])
    }

    /// A thread and a ring each; far above what one machine carries.
    static let mostFeeds = 64
}
