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

/// Some of the settings, as a scope chooses them.
protocol SettingScope {
    static func includes(_ flag: SettingFlag) -> Bool
}

/// Where market data comes from: what `demo` decides for itself.
enum FeedScope: SettingScope {
    static func includes(_ flag: SettingFlag) -> Bool {
        ["feeds", "redundantFeeds", "connection"].contains(flag.section)
    }
}

/// Which store, and where it is.
enum StoreScope: SettingScope {
    static func includes(_ flag: SettingFlag) -> Bool {
        ["store", "mongo"].contains(flag.section) && flag.name != "tick-retention-days"
    }
}

/// Where a run's data is.
enum DataScope: SettingScope {
    static func includes(_ flag: SettingFlag) -> Bool { flag.name == "data" }
}

/// Where a run's signals and records go.
enum PlaceScope: SettingScope {
    static func includes(_ flag: SettingFlag) -> Bool {
        ["store", "mongo", "redis"].contains(flag.section) && !flag.name.hasPrefix("stream-max-")
    }
}

/// What decides signals, for a replay of recorded files.
enum ReplayScope: SettingScope {
    static func includes(_ flag: SettingFlag) -> Bool {
        ["short", "long", "price-band", "scale", "refill"].contains(flag.name)
    }
}

/// What a trader alone takes beside the feeds' settings.
enum TraderScope: SettingScope {
    static func includes(_ flag: SettingFlag) -> Bool {
        let sections = ["store", "mongo", "redis", "trading", "risk", "paper", "instruments"]
        let others = ["trader-http", "log-level"]
        return sections.contains(flag.section) && !["trader", "publish"].contains(flag.name)
            && !flag.name.hasPrefix("stream-max-") || others.contains(flag.name)
    }
}

/// Everything that is not the feeds'.
enum EngineScope: SettingScope {
    static func includes(_ flag: SettingFlag) -> Bool { !FeedScope.includes(flag) }
}

/// The flags of a scope's settings, made from the settings' table; values are checked with the environment's and the file's,
/// in one place.
///
/// The parser finds a type's options by reflection and decodes them by name. A property for each setting would be a second
/// table; here the mirror and the coding keys are made from the one there is.
struct SettingOptions<Scope: SettingScope>: ParsableArguments, CustomReflectable {
    /// What was given, by flag.
    private(set) var flags: [String: [String]] = [:]

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init() {}

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        for flag in SettingFlag.all where Scope.includes(flag) {
            let key = Key(stringValue: flag.name)
            if flag.isSwitch {
                if try container.decode(Flag<Bool>.self, forKey: key).wrappedValue { flags[flag.name] = ["on"] }
            } else if flag.isRepeatable {
                flags[flag.name] = try container.decode(Option<[String]>.self, forKey: key).wrappedValue
            } else if let text = try container.decode(Option<String?>.self, forKey: key).wrappedValue {
                flags[flag.name] = [text]
            }
        }
    }

    var customMirror: Mirror {
        let options = SettingFlag.all.filter(Scope.includes).map { flag -> Mirror.Child in
            let help = ArgumentHelp("\(flag.help)", valueName: flag.valueName)
            let name = NameSpecification.customLong(flag.name)
            // A property wrapper's storage has an underscore in front of its name.
            if flag.isSwitch { return ("_\(flag.name)", Flag<Bool>(wrappedValue: false, name: name, help: help)) }
            guard flag.isRepeatable else { return ("_\(flag.name)", Option<String?>(name: name, help: help)) }
            return ("_\(flag.name)", Option<[String]>(wrappedValue: [], name: name, help: help))
        }
        return Mirror(self, children: options)
    }
}

/// The YAML file, for every command that takes settings.
struct FileOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A YAML file of settings (TICKLINE_CONFIG).", valueName: "file")) var config: String?

    var flags: [String: [String]] { config.map { [SettingsResolver.fileFlag: [$0]] } ?? [:] }
}

/// How long a command runs.
struct DurationOptions: ParsableArguments {
    @Option(help: "Stop after this long, for example 30s or 5m.") var duration: DurationArgument?
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
