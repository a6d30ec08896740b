import FeedHandler
import RedisStreams
import StrategyEngine
import TradingModel

/// What a run consists of, worked out from the settings before anything is started.
package struct NodePlan: Sendable {
    /// One per feed, in the order of the settings, those that double one behind the others.
    let feeds: [FeedPlan]
    /// The feeds' connections, by the engine's index: the first of each feed, then the second of each.
    var connections: [FeedPlan] { feeds + feeds }
    /// Instruments and strategies.
    package let catalog: MarketCatalog
    /// Which silence of which stream is an alarm.
    let silence: SilenceAlarms
    /// What is done about missing trades.
    let refill: RefillConfiguration
    /// Whether the exchange's history is asked for them.
    var hasHistory: Bool { refill.mostRefilledIDs > 0 }
    /// Streams that several feeds deliver; nil where there is none.
    let redundancy: RedundancyConfiguration?
    /// The feeds' names in metrics, readiness and logs.
    let feedNames: [String]
    /// Redis, nil for the console.
    let redis: RedisEndpoint?

    /// Understands periods, addresses and instruments.
    ///
    /// - Parameter origin: where a setting came from, by its flag; refusals begin with it.
    /// - Throws: `SettingsError.conflict` with the remedy of whatever was not understood.
    package init(settings: Settings, origin: (String) -> SettingOrigin = { .flag($0) }) throws(SettingsError) {
        let strategy = try Self.strategy(settings, origin)
        feeds = try Self.explained(["feed", "redundant-feed"], origin) {
            try FeedPlan.plans(parsing: settings.feeds, doubledBy: settings.redundantFeeds)
        }
        feedNames = feeds.enumerated().map { "\($1.exchange.rawValue)#\($0)" }
        redis = try Self.redis(settings, origin)
        guard feeds.count <= Self.mostFeeds else {
            throw .conflict(
                "\(feeds.count) connections are too many; give at most \(Self.mostFeeds) feeds of at most"
                    + " \(FeedPlan.mostStreams) streams each")
        }
        var silence = SilenceAlarms()
        // Refused texts were refused as settings already.
        for text in settings.silenceAlarms { _ = silence.set(text[...]) }
        self.silence = silence
        let streams = Set(feeds.flatMap { $0.streams.map(\.displayName) })
        for name in silence.byStream.keys.sorted() where !streams.contains(name) {
            throw .conflict("--silence-alarm names \(name), which no feed subscribes; give SYMBOL@type of a stream")
        }
        let subscriptions = feeds.map(\.subscription)
        let specifications = try Self.specifications(subscriptions, settings)
        catalog = MarketCatalog(instruments: specifications, strategies: [strategy])
        refill = Self.refill(settings, specifications, subscriptions)
        redundancy = Self.redundancy(subscriptions, names: feedNames, specifications)
    }

    /// The averages to cross.
    ///
    /// - Throws: `SettingsError.conflict` with the remedy.
    static func strategy(
        _ settings: Settings, _ origin: (String) -> SettingOrigin
    ) throws(SettingsError) -> SMACrossoverParameters {
        try explained(["short", "long"], origin) {
            try SMACrossoverParameters(shortPeriod: settings.shortPeriod, longPeriod: settings.longPeriod)
        }
    }

    /// The instruments of `feeds` at the scales that are set.
    ///
    /// - Parameter allowsOthers: whether settings may name instruments that are none of them.
    /// - Throws: `SettingsError.conflict` with the remedy.
    static func specifications(
        _ feeds: [FeedStreams], _ settings: Settings, allowsOthers: Bool = false
    ) throws(SettingsError) -> [InstrumentSpecification] {
        var specifications = FeedStreams.specifications(of: feeds)
        // A symbol alone before `exchange:symbol`, so that the latter counts.
        for (name, setting) in settings.instruments.sorted(by: { !$0.key.contains(":") && $1.key.contains(":") }) {
            let matches = specifications.indices.filter {
                let instrument = specifications[$0].instrument
                return name == "\(instrument)" || name == instrument.symbol
            }
            guard !matches.isEmpty || allowsOthers else {
                let known = specifications.map { "\($0.instrument)" }.joined(separator: ", ")
                throw .conflict(
                    "--scale or instruments: \(name) is an instrument that no feed has; there is \(known)")
            }
            for index in matches {
                if let decimals = setting.priceDecimals { specifications[index].priceDecimals = decimals }
                if let decimals = setting.quantityDecimals { specifications[index].quantityDecimals = decimals }
            }
        }
        return specifications
    }

    /// The server that signals are published to; nil where none is named.
    ///
    /// - Throws: `SettingsError.conflict` with the remedy.
    static func redis(
        _ settings: Settings, _ origin: (String) -> SettingOrigin
    ) throws(SettingsError) -> RedisEndpoint? {
        let files = RedisTLSFiles(
            caFile: settings.redisCAFile, certificateFile: settings.redisCertFile, keyFile: settings.redisKeyFile)
        guard settings.redis != nil || files == RedisTLSFiles() else {
            throw .conflict("certificate files for Redis need its address: give --redis rediss://host")
        }
        return try explained(["redis"], origin) {
            try settings.redis.map { try RedisEndpoint(url: $0, files: files) }
        }
    }

    /// What is done about missing trades, of a run's feeds or a replay's files: each is waited for where another one lacks some.
    static func refill(
        _ settings: Settings, _ specifications: [InstrumentSpecification], _ feeds: [FeedStreams]
    ) -> RefillConfiguration {
        let feedsByInstrument = specifications.map { specification in
            feeds.indices.filter { feeds[$0].delivers(specification.averageSource, of: specification.instrument) }
        }
        return RefillConfiguration(
            mostRefilledIDs: settings.refillIDs, feedsByInstrument: feedsByInstrument, feedPairs: feeds.count)
    }

    /// The kinds of records that several feeds deliver, by instrument.
    private static func redundancy(
        _ feeds: [FeedStreams], names: [String], _ specifications: [InstrumentSpecification]
    ) -> RedundancyConfiguration? {
        var kinds = specifications.map { _ in [RecordKind]() }
        guard feeds.count > 1 else { return nil }
        for (index, specification) in specifications.enumerated() {
            kinds[index] = [.trade, .aggregateTrade, .quote, .depth, .partialDepth].filter { kind in
                feeds.count { $0.delivers(kind, of: specification.instrument) } > 1
            }
        }
        guard kinds.contains(where: { !$0.isEmpty }) else { return nil }
        return RedundancyConfiguration(feedNames: names, kinds: kinds)
    }

    /// What `body` makes; its refusal begins with where the settings came from.
    private static func explained<Value>(
        _ flags: [String], _ origin: (String) -> SettingOrigin, _ body: () throws -> Value
    ) throws(SettingsError) -> Value {
        do { return try body() } catch {
            let given = flags.map(origin).filter { $0 != .byDefault }.map(\.description)
            throw .conflict((given.isEmpty ? "" : given.joined(separator: ", ") + ": ") + "\(error)")
        }
    }

    /// Two threads and two rings each; far above what one machine carries.
    static let mostFeeds = 64
}
