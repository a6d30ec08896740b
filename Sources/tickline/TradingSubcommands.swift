import ArgumentParser
import TicklineNode

struct TraderSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trader", abstract: "Trade on the signal stream, on paper.",
        discussion: """
            Reads the stream through a consumer group and turns signals into orders of a paper venue; nothing is sent to an \
            exchange. Several may run: one trades, the others stand by. The instruments are those of --feed, of which it \
            subscribes the best prices. Orders are kept in MongoDB, or with --single-trader in the data folder. Without --redis \
            it trades on the signals that an engine writes into the data folder's journal.

            Examples:
              tickline trader --redis redis://127.0.0.1 --mongo mongodb://127.0.0.1
              tickline trader --redis redis://127.0.0.1 --single-trader --trade-size quantity:0.01
              tickline trader --redis redis://127.0.0.1 --mongo mongodb://127.0.0.1 --max-position 20000 --sell-target short
              tickline trader --data ./tickline-data
            """)

    @OptionGroup var file: FileOptions
    @OptionGroup var feeds: SettingOptions<FeedScope>
    @OptionGroup var settings: SettingOptions<TraderScope>
    @OptionGroup var time: DurationOptions

    func run() async throws {
        let flags = file.flags.merging(feeds.flags) { $1 }.merging(settings.flags) { $1 }
        throw ExitCode(await TraderCommand.run(flags: flags, duration: time.duration?.duration))
    }
}

struct OrdersSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "orders", abstract: "Print the trader's newest orders.",
        discussion: """
            Examples:
              tickline orders --mongo mongodb://127.0.0.1
              tickline orders --limit 5 --json | jq -r .state
            """)

    @Option(help: "Orders at most.") var limit = 20
    @OptionGroup var view: ViewOptions

    func run() async throws {
        throw ExitCode(await OrdersCommand.run(flags: view.flags, view: .orders(limit: limit), json: view.json))
    }
}

struct PositionsSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "positions", abstract: "Print what is held, by strategy and by account.",
        discussion: """
            Examples:
              tickline positions --mongo mongodb://127.0.0.1
              tickline positions --json
            """)

    @OptionGroup var view: ViewOptions

    func run() async throws {
        throw ExitCode(await OrdersCommand.run(flags: view.flags, view: .positions, json: view.json))
    }
}

struct ProfitSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pnl", abstract: "Print realised profit and fees, by strategy and by account.",
        discussion: """
            Examples:
              tickline pnl --mongo mongodb://127.0.0.1
              tickline pnl --json
            """)

    @OptionGroup var view: ViewOptions

    func run() async throws {
        throw ExitCode(await OrdersCommand.run(flags: view.flags, view: .profit, json: view.json))
    }
}

struct TradingSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trading", abstract: "Print the trading mode, or set it: active, reduce-only or halted.",
        discussion: """
            Every trader on the store obeys within a second; the mode outlives restarts.

            Examples:
              tickline trading
              tickline trading halted --reason "exchange maintenance" --mongo mongodb://127.0.0.1
              tickline trading active
              curl -X POST -H "Authorization: Bearer $TOKEN" "http://127.0.0.1:8082/trading?mode=halted&reason=drill"
            """)

    @Argument(help: ArgumentHelp("active, reduce-only or halted.", valueName: "mode")) var mode: String?
    @Option(help: "Why, for those who look later.") var reason = "by command"
    @OptionGroup var file: FileOptions
    @OptionGroup var settings: SettingOptions<StoreScope>

    func run() async throws {
        let flags = file.flags.merging(settings.flags) { $1 }
        throw ExitCode(await OrdersCommand.trading(flags: flags, mode: mode, reason: reason))
    }
}

/// Where a trader's orders are, and how they are shown.
struct ViewOptions: ParsableArguments {
    @Flag(help: "An object for each line; numbers are texts.") var json = false
    @OptionGroup var file: FileOptions
    @OptionGroup var settings: SettingOptions<StoreScope>

    var flags: [String: [String]] { file.flags.merging(settings.flags) { $1 } }
}
