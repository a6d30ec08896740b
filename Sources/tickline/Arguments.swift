import ArgumentParser
import TicklineNode

/// A length of time such as `500ms`, `30s`, `5m` or `1h`.
struct DurationArgument: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        let units: [(String, Duration)] = [
            ("ms", .milliseconds(1)), ("s", .seconds(1)), ("m", .seconds(60)), ("h", .seconds(3_600)),
        ]
        guard let (suffix, unit) = units.first(where: { argument.hasSuffix($0.0) }),
            let amount = Double(argument.dropLast(suffix.count)), amount > 0, amount < 1e9
        else { return nil }
        duration = unit * amount
    }

    var defaultValueDescription: String { "\(duration)" }
}

/// The settings of `run`, which `demo` takes as well. Values are checked with the environment's, in one place.
struct SettingOptions: ParsableArguments {
    @Option(help: "Fast average, in trades (SHORT_PERIOD; default 50).") var short: String?
    @Option(help: "Slow average, in trades (LONG_PERIOD; default 200).") var long: String?
    @Option(
        help: ArgumentHelp(
            "Publish to Redis (REDIS_URL, REDIS_ADDR): redis[s]://[user:password@]host[:port][/db], unix:///path or "
                + "redis[s]+sentinel://[user:password@]host[:port],…/master-name[/db]; rediss is TLS.",
            valueName: "url"))
    var redis: String?
    @Option(help: ArgumentHelp("CA certificates Redis is verified against (default the system's).", valueName: "file"))
    var redisCaFile: String?
    @Option(help: ArgumentHelp("The certificate shown to a Redis that asks for one.", valueName: "file"))
    var redisCertFile: String?
    @Option(help: ArgumentHelp("That certificate's private key.", valueName: "file")) var redisKeyFile: String?
    @Option(help: "append: this is the stream's one writer; once: several writers share it (default append).")
    var publish: String?
    @Option(help: "The stream's key (REDIS_STREAM; default trade_signals_stream).") var signalStream: String?
    @Option(help: "Entries the stream is trimmed to (default 1000000).") var streamMaxLength: String?
    @Option(help: "Days entries are kept in the stream (default 7).") var streamMaxAgeDays: String?
    @Option(help: ArgumentHelp("Store in MongoDB (MONGO_URI): mongodb://host[:port]/.", valueName: "uri"))
    var mongo: String?
    @Option(help: "The database (DATABASE_NAME; default btc_data).") var mongoDatabase: String?
    @Option(help: "The collection of book events, which are not stored yet (COLLECTION_NAME; default depth).")
    var depthCollection: String?
    @Option(help: "The collection of decisions (SIGNALS_COL_NAME; default trade_signals).")
    var signalsCollection: String?
    @Option(help: "Days ticks are kept in the store (default 7).") var tickRetentionDays: String?
    @Option(help: "none, sqlite or mongo (default mongo where --mongo is given, else sqlite).") var store: String?
    @Option(help: "The data folder, which holds the SQLite store (TICKLINE_DATA; default ./tickline-data).") var data:
        String?
    @Option(help: ArgumentHelp("Collector's listener (default 127.0.0.1:8080).", valueName: "[host:]port"))
    var collectorHttp: String?
    @Option(help: ArgumentHelp("Processor's listener (SERVER_PORT; default 127.0.0.1:8081).", valueName: "[host:]port"))
    var processorHttp: String?
    @Option(help: ArgumentHelp("Trader's listener (APP_PORT; default 127.0.0.1:8082).", valueName: "[host:]port"))
    var traderHttp: String?
    @Option(
        help: ArgumentHelp("Decimals of an instrument (repeatable): BTCUSDT=2,5.", valueName: "symbol=price,quantity"))
    var scale: [String] = []
    @Option(help: "park: poll briefly, then sleep; spin: poll without end (default park).") var idle: String?
    @Option(help: "trace, debug, info, notice, warning, error or critical.") var logLevel: String?
    @Option(help: ArgumentHelp("Write the summary there at the end.", valueName: "file")) var summaryJson: String?
    @Option(help: "Stop after this long, for example 30s or 5m.") var duration: DurationArgument?

    var flags: [SettingKey: [String]] {
        let single: [(SettingKey, String?)] = [
            (.short, short), (.long, long), (.redis, redis), (.redisCAFile, redisCaFile),
            (.redisCertFile, redisCertFile), (.redisKeyFile, redisKeyFile), (.publish, publish),
            (.signalStream, signalStream),
            (.streamMaxLength, streamMaxLength), (.streamMaxAgeDays, streamMaxAgeDays), (.mongo, mongo),
            (.mongoDatabase, mongoDatabase), (.depthCollection, depthCollection),
            (.signalsCollection, signalsCollection), (.tickRetentionDays, tickRetentionDays), (.store, store),
            (.data, data), (.collectorHTTP, collectorHttp), (.processorHTTP, processorHttp),
            (.traderHTTP, traderHttp), (.idle, idle), (.logLevel, logLevel), (.summaryJSON, summaryJson),
        ]
        var flags: [SettingKey: [String]] = [:]
        for case (let key, let value?) in single { flags[key] = [value] }
        if !scale.isEmpty { flags[.scale] = scale }
        return flags
    }
}

/// What the synthetic market of `simulate` and `demo` looks like.
struct MarketOptions: ParsableArguments {
    @Option(help: "Symbols of the synthetic market.") var symbols = 8
    @Option(help: "Events a second over all symbols.") var rate = 1_000.0
    @Option(help: "Seed of the synthetic market.") var seed: UInt64 = 1
    @Option(help: "Events of each extra burst, 0 for none.") var burstEvents = 0
    @Option(help: "Time between bursts.") var burstInterval = DurationArgument(argument: "1s")!

    func validate() throws {
        guard symbols > 0, rate > 0, burstEvents >= 0 else {
            throw ValidationError("--symbols and --rate must be above 0, --burst-events not below 0")
        }
    }

    var options: SimulateOptions {
        var options = SimulateOptions()
        options.symbols = symbols
        options.rate = rate
        options.seed = seed
        options.burstEvents = burstEvents
        options.burstInterval = burstInterval.duration
        return options
    }
}
