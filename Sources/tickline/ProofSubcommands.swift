import ArgumentParser
import TicklineNode

struct ExplainSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Print what decided a signal: tick, windows, sums, comparison, times.",
        discussion: """
            Plays the journal again from the last checkpoint in front of the signal; a difference from what was recorded is an \
            error. Sums and prices are exact decimals, averages are those of the Redis entry. Times of the stages count \
            from the tick's receipt. Formats: table (on a terminal) and json (one object).

            Examples:
              tickline explain binance:BTCUSDT:sma-50-200:3735683486
              tickline explain binance:BTCUSDT:sma-50-200:3735683486 --windows --format json | jq .window
              tickline explain binance:BTCUSDT:sma-50-200:3735683486:gap --journal /var/lib/tickline/journal
            """)

    @Argument(help: ArgumentHelp("The signal's id.", valueName: "signal-id")) var signal: String
    @Option(help: ArgumentHelp("A journal folder (default that of --data).", valueName: "folder")) var journal: String?
    @Flag(help: "Every price of the windows with its tick.") var windows = false
    @Option(help: "table or json (default table on a terminal, else json).") var format: String?
    @OptionGroup var file: FileOptions
    @OptionGroup var settings: SettingOptions<DataScope>

    func run() async throws {
        var options = ExplainOptions()
        options.signal = signal
        options.journal = journal
        options.showsWindows = windows
        options.format = format
        let flags = file.flags.merging(settings.flags) { $1 }
        throw ExitCode(await ExplainCommand.run(flags: flags, options: options))
    }
}

struct VerifySubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Compare the signal stream and the store with the journal.",
        discussion: """
            Plays all runs that the journal holds and names every signal of the Redis stream, and every tick, decision, gap, \
            book update and kline of the store, that is missing, doubled, altered or unknown to the journal. What is not \
            acknowledged or stored yet, by the journal's own notes, is counted as pending. Not known, so not compared: what is \
            stored before the first record that the journal has of a series (a kind, strategy or interval of an instrument) or \
            behind the last, series that it has nothing of, times of insertion, and fields that 'tickline query' does not \
            print. With --publish once, what another instance may have written: times of receipt, and how gaps came and went; \
            its gaps and decisions that are no signals are counted as outside of the journal. Reads only, also while a run \
            goes on. Takes the settings of that run. Formats: table (on a terminal), with the counts, and \
            json (one object for each difference; the counts go to standard error). Exit status 1 with any difference.

            Examples:
              tickline verify --redis redis://127.0.0.1
              tickline verify --redis redis://127.0.0.1 --mongo mongodb://127.0.0.1 --format json
              tickline verify --store none --redis redis://127.0.0.1 --journal /var/lib/tickline/journal
            """)

    @Option(help: ArgumentHelp("A journal folder (default that of --data).", valueName: "folder")) var journal: String?
    @Option(help: "table or json (default table on a terminal, else json).") var format: String?
    @OptionGroup var file: FileOptions
    @OptionGroup var settings: SettingOptions<PlaceScope>

    func run() async throws {
        let flags = file.flags.merging(settings.flags) { $1 }
        throw ExitCode(await VerifyCommand.run(flags: flags, journal: journal, format: format))
    }
}
