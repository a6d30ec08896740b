import ArgumentParser
import TicklineNode

struct RunSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run the engine: feeds in, signals and records out.",
        discussion: """
            A flag wins over its environment variable, a variable over the default. Without Redis signals go to standard
            output; without MongoDB ticks and decisions go to a SQLite file, tickline.sqlite in the data folder.

            Examples:
              tickline run
              tickline run --feed 'wss://stream.binance.com:9443/stream?streams=btcusdt@trade/ethusdt@trade'
              tickline run --short 5 --long 20 --redis redis://:secret@127.0.0.1:6379/0 --mongo mongodb://127.0.0.1
              tickline run --feed binance=ws://127.0.0.1:9443/ws/btcusdt@trade --ca-file ca.pem
            """)

    @Option(
        help: ArgumentHelp(
            "A feed (BINANCE_WS_URL; repeatable). The exchange is known by its host, else binance.",
            valueName: "[exchange=]url"))
    var feed: [String] = []
    @Option(help: ArgumentHelp("CA certificates feeds are verified against (default the system's).", valueName: "file"))
    var caFile: String?
    @Option(help: ArgumentHelp("A proxy for feeds: http://host:port or socks5h://host:port.", valueName: "url"))
    var proxy: String?
    @OptionGroup var settings: SettingOptions

    func run() async throws {
        var flags = settings.flags
        if !feed.isEmpty { flags[.feed] = feed }
        if let caFile { flags[.caFile] = [caFile] }
        if let proxy { flags[.proxy] = [proxy] }
        throw ExitCode(await RunCommand.run(flags: flags, duration: settings.duration?.duration))
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
    @OptionGroup var settings: SettingOptions

    func run() async throws {
        throw ExitCode(
            await DemoCommand.run(
                flags: settings.flags, simulate: market.options, duration: settings.duration?.duration))
    }
}

struct SimulateSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Serve recorded or synthetic market streams as Binance would.",
        discussion: """
            Recordings are .ndjson or .ndjson.gz files, one message a line. The replay starts when a subscriber connects
            and starts anew for the next one once it has ended and nobody is connected; who joins later receives what is
            left.

            Faults:
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
    @Option(help: ArgumentHelp("Record every message sent or withheld, one JSON object a line.", valueName: "file"))
    var ledger: String?
    @Option(help: "Stop after this long.") var duration: DurationArgument?

    func run() async throws {
        var options = market.options
        options.files = files
        options.listen = listen
        options.ledger = ledger
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
