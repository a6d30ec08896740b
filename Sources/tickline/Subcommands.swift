import ArgumentParser
import TicklineNode

struct RunSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the engine: feeds in, signals and records out.",
        discussion: """
            A flag wins over its environment variable, a variable over the YAML file, the file over the default. \
            Without Redis signals go to standard output; without MongoDB ticks and decisions go to tickline.sqlite in the \
            data folder.

            Examples:
              tickline run
              tickline run --redis redis://127.0.0.1 --mongo mongodb://127.0.0.1
              tickline run --feed wss://data-stream.binance.vision/ws/ethusdt@trade
              tickline run --feed binance=ws://127.0.0.1:9443/ws/btcusdt@trade
              tickline run --config tickline.yaml --short 5 --long 20
              REDIS_URL_FILE=/run/secrets/redis tickline run
            """)

    @OptionGroup var file: FileOptions
    @OptionGroup var feeds: SettingOptions<FeedScope>
    @OptionGroup var settings: SettingOptions<EngineScope>
    @OptionGroup var time: DurationOptions

    func run() async throws {
        let flags = file.flags.merging(feeds.flags) { $1 }.merging(settings.flags) { $1 }
        throw ExitCode(await RunCommand.run(flags: flags, duration: time.duration?.duration))
    }
}

struct ConfigSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Print the effective settings as a YAML file, or its schema.",
        discussion: """
            Takes the flags of run and reads the same environment and file. Each setting is printed with what it does \
            and where its value came from; passwords are left out. The output is a settings file.

            Examples:
              tickline config > tickline.yaml
              tickline config --config tickline.yaml --short 5
              tickline config --schema > tickline.schema.json
            """)

    @Flag(help: "Print the JSON Schema of the settings file instead.") var schema = false
    @OptionGroup var file: FileOptions
    @OptionGroup var feeds: SettingOptions<FeedScope>
    @OptionGroup var settings: SettingOptions<EngineScope>

    func run() async throws {
        guard !schema else { throw ExitCode(await ConfigCommand.printSchema()) }
        let flags = file.flags.merging(feeds.flags) { $1 }.merging(settings.flags) { $1 }
        throw ExitCode(await ConfigCommand.run(flags: flags))
    }
}

struct QuerySubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Print ticks, decisions, signals, gaps, book updates or klines from the store.",
        discussion: """
            Reads the SQLite file of the data folder, also while an engine writes it, or MongoDB where --mongo names it.
            Tables: ticks, decisions, signals, gaps, depth, klines. Times are RFC 3339, a date, or before now (-15m, -1h,
            -7d); the exchange's time counts, that of receipt where it gives none. Formats: table (on a terminal), json (one
            object a line; numbers are texts, so no reader rounds them) and csv.

            Examples:
              tickline query --from -1h
              tickline query --table ticks --instrument BTCUSDT --newest --limit 20
              tickline query --table ticks --from 2024-08-08T23:54:00Z --to 2024-08-08T23:55:00Z --format csv > ticks.csv
              tickline query --table gaps --mongo mongodb://127.0.0.1 --format json | jq -r .missing
            """)

    @Option(help: "ticks, decisions, signals, gaps, depth or klines.") var table = "signals"
    @Option(parsing: .unconditional, help: "First time, included.") var from: String?
    @Option(parsing: .unconditional, help: "Last time, excluded.") var to: String?
    @Option(help: ArgumentHelp("An instrument, repeatable (default all).", valueName: "[exchange:]symbol"))
    var instrument: [String] = []
    @Option(parsing: .unconditional, help: "Records at most.") var limit: Int?
    @Flag(help: "Newest first.") var newest = false
    @Option(help: "table, json or csv (default table on a terminal, else json).") var format: String?
    @OptionGroup var file: FileOptions
    @OptionGroup var settings: SettingOptions<StoreScope>

    func run() async throws {
        var options = QueryOptions()
        options.table = table
        options.from = from
        options.to = to
        options.instruments = instrument
        options.limit = limit
        options.isNewestFirst = newest
        options.format = format
        let flags = file.flags.merging(settings.flags) { $1 }
        throw ExitCode(await QueryCommand.run(flags: flags, options: options))
    }
}

struct ReplaySubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Run the engine again on a journal or recorded files; print the signals.",
        discussion: """
            The same messages in the same order give the same signals, byte for byte, on every replay. One JSON object a line \
            with the fields of the Redis entry, at once; on standard error how far it is, and a summary.

            A journal gives what was published live, with its runs' settings; a difference from what it has on record is an \
            error (exit status 1), and so is damage (78), in front of which it ends. What is missing, recycled at the \
            budget's end or taken by a power loss, is passed over with a line on standard error. It may be one that a run \
            is writing.

            Recorded files are .ndjson or .ndjson.gz, one message a line, with their times of receipt in .recv_ns[.gz] beside \
            them, else the exchange's; each is a feed, and they are merged by these times. Their messages tell streams and \
            exchange; put binance=, binance-usdm= or simulator= in front where they can't. They are read to the end first: a \
            damaged file is refused before the first signal. SIGINT ends a replay with its summary.

            Examples:
              tickline replay ./tickline-data
              tickline replay btcusdt@trade.ndjson.gz --short 5 --long 20 > signals.ndjson
              tickline replay spot.ndjson.gz binance-usdm=futures.ndjson --speed real
              tickline replay /var/lib/tickline/journal --speed 60 --quiet | jq -r .id
            """)

    @Argument(
        help: ArgumentHelp("A data folder, the journal folder in it, or recorded files.", valueName: "journal|file"))
    var paths: [String]
    @Option(help: "max, real, or how many times as fast as it was.") var speed = "max"
    @Flag(help: "Nothing but errors on standard error.") var quiet = false
    @OptionGroup var file: FileOptions
    @OptionGroup var settings: SettingOptions<ReplayScope>

    func validate() throws {
        guard ReplaySpeed(speed) != nil else { throw ValidationError("--speed: give max, real or a number above 0") }
    }

    func run() async throws {
        var options = ReplayOptions()
        options.paths = paths
        options.speed = ReplaySpeed(speed) ?? .max
        options.isQuiet = quiet
        throw ExitCode(await ReplayCommand.run(flags: file.flags.merging(settings.flags) { $1 }, options: options))
    }
}

struct DemoSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "A synthetic market and the engine in one process; no network, no servers.",
        discussion: """
            Examples:
              tickline demo
              tickline demo --duration 30s --rate 20000 --short 5 --long 20
            """)

    @OptionGroup var market: MarketOptions
    @OptionGroup var file: FileOptions
    @OptionGroup var settings: SettingOptions<EngineScope>
    @OptionGroup var time: DurationOptions

    func run() async throws {
        throw ExitCode(
            await DemoCommand.run(
                flags: file.flags.merging(settings.flags) { $1 }, simulate: market.options,
                duration: time.duration?.duration))
    }
}

struct SimulateSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Serve recorded or synthetic market streams as Binance would.",
        discussion: """
            Recordings are .ndjson or .ndjson.gz files, one message a line. The replay starts when a subscriber connects \
            and starts anew for the next one once it has ended and nobody is connected; who joins later receives what \
            is left.

            Faults, here and by POST /faults on the same port, one a line:
            \(SimulateOptions.faultGrammar.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))

            Examples:
              tickline simulate btcusdt@trade.ndjson.gz --speed max
              tickline simulate spot.ndjson.gz --fault cut:reset,every=10s --fault gap,count=3,after=500
              tickline simulate --symbols 50 --rate 20000 --seed 7
            """)

    @Argument(help: ArgumentHelp("Recorded files; none for the synthetic market.", valueName: "file"))
    var files: [String] = []
    @Option(help: ArgumentHelp("Where to listen; port 0 takes a free one.", valueName: "[host:]port"))
    var listen = "127.0.0.1:9443"
    @Option(help: "1: as recorded; 10: ten times faster; max: as fast as the readers take it.") var speed = "1"
    @OptionGroup var market: MarketOptions
    @Option(help: ArgumentHelp("Misbehave (repeatable).", valueName: "kind[:variant][,key=value...]"))
    var fault: [String] = []
    @Option(
        help: ArgumentHelp(
            "Request weight a minute for the trade history (default the exchange's, 6000 and for USD-M 2400).",
            valueName: "weight"))
    var weightLimit: Int?
    @Option(help: ArgumentHelp("Close each connection at this age (default 24 h).", valueName: "seconds"))
    var maxConnectionSeconds: Int?
    @Option(help: ArgumentHelp("Record every message and answer, one JSON object a line.", valueName: "file"))
    var ledger: String?
    @Option(help: "Stop after this long.") var duration: DurationArgument?

    func run() async throws {
        var options = market.options
        options.files = files
        options.listen = listen
        options.ledger = ledger
        options.requestWeight = weightLimit
        options.maxConnectionSeconds = maxConnectionSeconds
        options.speed = try parsedSpeed()
        for text in fault {
            if let reason = options.addFault(text) { throw ValidationError(reason) }
        }
        throw ExitCode(await SimulateCommand.run(options, duration: duration?.duration))
    }

    private func parsedSpeed() throws -> Double? {
        if speed == "max" { return nil }
        guard let factor = Double(speed), factor > 0, factor.isFinite else {
            throw ValidationError("--speed takes a factor above 0, or max")
        }
        return factor
    }
}
