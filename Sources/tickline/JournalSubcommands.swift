import ArgumentParser
import TicklineNode

struct JournalSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal", abstract: "List, verify or export a journal, also while a run writes it.",
        discussion: """
            Reads only. Exit status 78: no journal, one that can't be read or that a newer version wrote, and for ls and export
            a damaged one; verify names damage and gives 1.

            Examples:
              tickline journal ls ./tickline-data
              tickline journal verify ./tickline-data
              tickline journal export ./tickline-data --from -15m | jq -c .message
            """,
        subcommands: [JournalListSubcommand.self, JournalVerifySubcommand.self, JournalExportSubcommand.self])
}

/// Which journal.
struct JournalArguments: ParsableArguments {
    @Argument(help: "A data folder, or the journal folder in it.") var journal: String
}

struct JournalListSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "Print the segments of a journal and the total of each chain.",
        discussion: """
            A segment is sealed when its writer went on in another one, open while it is written or after its process was
            killed, torn where a power loss took its end, and empty where its file has no byte. Only verify reads every entry.

            Examples:
              tickline journal ls ./tickline-data
              tickline journal ls ./tickline-data --format json | jq -c 'select(.state)'
            """)

    @OptionGroup var arguments: JournalArguments
    @Option(help: "table or json (default table on a terminal, else json).") var format: String?

    func run() async throws {
        throw ExitCode(await JournalListCommand.run(path: arguments.journal, format: format))
    }
}

struct JournalVerifySubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Read every entry of a journal and run the engine again on it.",
        discussion: """
            Checks all checksums and sequence numbers and that chains go on over segments and runs, then compares the signals
            and states on record with what the same ticks give again. Exit status 1 where anything is damaged, missing or
            different; a torn tail and what was recycled are named and are no error.

            Examples:
              tickline journal verify ./tickline-data
              tickline journal verify /var/lib/tickline/journal || echo "restore a copy"
            """)

    @OptionGroup var arguments: JournalArguments

    func run() async throws { throw ExitCode(await JournalVerifyCommand.run(path: arguments.journal)) }
}

struct JournalExportSubcommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Print the messages as they were received, or the engine's entries.",
        discussion: """
            One line for each message, of all feeds in the order of receipt or of the chain that is named; of the chain engine
            one for each take, timer, adopted sign, decision, signal sent and checkpoint. Times are RFC 3339, a date, or before
            now (-15m, -1h, -7d). A recording is a file of messages and one of their times, which simulate replays.

            Examples:
              tickline journal export ./tickline-data --chain feed-0 --from -15m
              tickline journal export ./tickline-data --chain engine --format csv > engine.csv
              tickline journal export ./tickline-data --chain feed-0 --recording monday
              tickline simulate monday.ndjson
            """)

    @OptionGroup var arguments: JournalArguments
    @Option(help: "feed-0, feed-1 … or engine (default all feeds).") var chain: String?
    @Option(help: "ndjson or csv (default ndjson).") var format: String?
    @Option(parsing: .unconditional, help: "First time, included.") var from: String?
    @Option(parsing: .unconditional, help: "Last time, excluded.") var to: String?
    @Option(help: ArgumentHelp("Write FILE.ndjson and FILE.recv_ns instead.", valueName: "file")) var recording: String?

    func validate() throws {
        guard recording == nil || format == nil else {
            throw ValidationError("--recording has a format of its own; leave --format out")
        }
    }

    func run() async throws {
        var options = JournalExportOptions(path: arguments.journal)
        options.chain = chain
        options.format = format
        options.from = from
        options.to = to
        options.recording = recording
        throw ExitCode(await JournalExportCommand.run(options))
    }
}
