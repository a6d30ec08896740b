import Yams

/// The description of one setting, from which its flag, variables, YAML key, schema, help and refusals are made.
struct Setting: Sendable {
    /// The flag without its dashes, which is the setting's name everywhere.
    let flag: String
    /// The keys that lead to it in the YAML file.
    let path: [String]
    /// The variables that set it; the first that is set wins. Those without `TICKLINE_` are the earlier Go services' and
    /// widely used names.
    let variables: [String]
    /// What stands for the value in the help.
    let valueName: String
    /// One sentence without its full stop.
    let help: String
    /// The default where one word does not say it; nil where the defaults' tree does.
    let defaultNote: String?
    /// A value, as a flag would give it.
    let example: String
    /// Whether the value may hold a password: then it can be given by file (`NAME_FILE`), and is never shown in an error.
    let isSecret: Bool
    /// Whether flags add up instead of the last one winning.
    let isList: Bool
    /// Whether the flag takes no value: given, it is `on`.
    let isSwitch: Bool
    /// Its form in the YAML file.
    let shape: SettingShape
    /// What a refusal asks for.
    let expected: String

    /// Reads the texts of flags or of a variable into the settings; false where they are refused.
    let parse: @Sendable ([String], inout Settings) -> Bool
    /// Reads a node of its shape; false where it is refused.
    let decode: @Sendable (YAMLNode, inout Settings) throws -> Bool
    /// What is wrong with the file that the value names; nil for nothing.
    let fileProblem: @Sendable (Settings) -> SettingFileProblem?
    /// Writes the value as YAML without what must not be printed, and tells whether anything was left out; nil where there
    /// is no value.
    let encode: @Sendable (Settings) throws -> (yaml: String, isMasked: Bool)?

    /// Describes a setting that has a default.
    init<Value>(
        _ flag: String, at path: String, _ property: any WritableKeyPath<Settings, Value> & Sendable,
        _ form: SettingForm<Value>, variables: [String] = [], defaultNote: String? = nil,
        example: String, help: String
    ) {
        self.init(
            flag, at: path, form, variables: variables, defaultNote: defaultNote, example: example,
            help: help, get: { $0[keyPath: property] }, set: { $0[keyPath: property] = $1 })
    }

    /// Describes a setting that may be without a value.
    init<Value>(
        _ flag: String, at path: String, _ property: any WritableKeyPath<Settings, Value?> & Sendable,
        _ form: SettingForm<Value>, variables: [String] = [], defaultNote: String? = nil,
        example: String, help: String
    ) {
        self.init(
            flag, at: path, form, variables: variables, defaultNote: defaultNote, example: example,
            help: help, get: { $0[keyPath: property] }, set: { $0[keyPath: property] = $1 })
    }

    private init<Value>(
        _ flag: String, at path: String, _ form: SettingForm<Value>, variables: [String], defaultNote: String?,
        example: String, help: String, get: @escaping @Sendable (Settings) -> Value?,
        set: @escaping @Sendable (inout Settings, Value) -> Void
    ) {
        self.flag = flag
        self.path = path.split(separator: ".").map(String.init)
        self.variables = ["TICKLINE_" + flag.uppercased().split(separator: "-").joined(separator: "_")] + variables
        valueName = form.valueName
        self.help = help
        self.defaultNote = defaultNote
        self.example = example
        isSecret = form.isSecret
        isList = form.isList
        isSwitch = form.isSwitch
        shape = form.shape
        expected = form.expected
        parse = { texts, settings in
            guard let value = form.parse(texts) else { return false }
            set(&settings, value)
            return true
        }
        decode = { node, settings in
            guard let value = try form.decode(node) else { return false }
            set(&settings, value)
            return true
        }
        fileProblem = { get($0).flatMap(form.fileProblem) }
        encode = { settings in
            guard let value = get(settings) else { return nil }
            let shown = form.mask(value)
            return (try form.encode(shown), isMasked: shown != value)
        }
    }

    /// The path with dots between: `redis.url`.
    var name: String { path.joined(separator: ".") }

    /// The default as a word or two: what the defaults' tree has, else `none`.
    var defaultText: String {
        if let defaultNote { return defaultNote }
        let value = (try? encode(Settings())) ?? nil  // the defaults always encode; a test writes each
        return value?.yaml.split(separator: "\n").joined(separator: " ") ?? "none"
    }
}

/// A setting as a flag, for the command line.
public struct SettingFlag: Sendable {
    /// Without dashes.
    public let name: String
    /// The first key of the setting's path in the YAML file.
    public let section: String
    /// What stands for the value in the help.
    public let valueName: String
    /// What it sets, the variables that set it too, and the default.
    public let help: String
    /// Whether it may be given several times.
    public let isRepeatable: Bool
    /// Whether it takes no value: given, the setting is `on`.
    public let isSwitch: Bool

    /// Every setting's flag, in the order of the table.
    public static let all = Setting.all.map { setting in
        let variables =
            setting.variables.joined(separator: ", ")
            + (setting.isSecret ? "; each also with _FILE for a file that holds it" : "")
        return SettingFlag(
            name: setting.flag, section: setting.path[0], valueName: setting.valueName,
            help: "\(setting.help) (\(variables); default \(setting.defaultText)).", isRepeatable: setting.isList,
            isSwitch: setting.isSwitch)
    }
}
