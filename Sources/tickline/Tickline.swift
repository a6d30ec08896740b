import ArgumentParser
import TicklineNode

/// The command line: arguments only, everything else is in `TicklineNode`.
@main
struct Tickline: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tickline",
        abstract: "A low-latency signal engine for markets: from tick to signal in microseconds.",
        discussion: """
            Exit status: 0 done, 1 failed while running, 64 wrong usage, 78 wrong configuration.

            Examples:
              tickline demo --duration 30s
              tickline run --redis redis://127.0.0.1 --mongo mongodb://127.0.0.1
              tickline query --table ticks --from -1h
              tickline journal verify ./tickline-data
              tickline config > tickline.yaml
              tickline simulate recording.ndjson.gz --speed 10
            """,
        version: TicklineVersion.current,
        subcommands: [
            RunSubcommand.self, QuerySubcommand.self, ReplaySubcommand.self, ExplainSubcommand.self,
            VerifySubcommand.self, JournalSubcommand.self, TraderSubcommand.self, OrdersSubcommand.self,
            PositionsSubcommand.self, ProfitSubcommand.self, TradingSubcommand.self, ConfigSubcommand.self,
            SimulateSubcommand.self, DemoSubcommand.self,
        ])
}
