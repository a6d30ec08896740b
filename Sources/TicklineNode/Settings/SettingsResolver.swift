import Monitoring

/// Where a setting's value came from.
public enum SettingOrigin: Sendable, Equatable, CustomStringConvertible {
    /// A flag, by its name without dashes.
    case flag(String)
    /// An environment variable, or one that names a secret's file.
    case variable(String)
    /// `file:line:column` of the YAML file.
    case file(String)
    /// Nobody set it.
    case byDefault

    /// As refusals and `tickline config` name it.
    public var description: String {
        switch self {
        case .flag(let name): "--\(name)"
        case .variable(let name): name
        case .file(let place): place
        case .byDefault: "default"
        }
    }
}

/// Turns flags, environment and YAML file into settings: a flag wins over a variable, a variable over the file, the file
/// over the default.
public struct SettingsResolver {
    /// The flag and the variable that name the YAML file.
    public static let fileFlag = "config", fileVariable = "TICKLINE_CONFIG"
    /// Largest secret taken from a file (`NAME_FILE`).
    static let mostSecretBytes = 1 << 14

    /// Lines an operator should see: settings that no longer do anything, secrets that others can see.
    public private(set) var warnings: [String] = []
    /// Where each value came from, by flag; those not in it are defaults.
    private(set) var origins: [String: SettingOrigin] = [:]

    private let flags: [String: [String]]
    private let environment: [String: String]

    /// Takes the flags given, by name without dashes, and the environment.
    public init(flags: [String: [String]], environment: [String: String]) {
        self.flags = flags
        self.environment = environment
    }

    /// Resolves everything. Files that settings name are not looked at, apart from the YAML file and secrets.
    ///
    /// - Throws: `unknownVariable`, `invalid`, `misplaced`, `conflict`, `unreadableFile`.
    public mutating func resolve() throws(SettingsError) -> Settings {
        try refuseUnknownVariables()
        warnOfReplacedVariables()
        var settings = Settings()
        try readFile(into: &settings)
        for setting in Setting.all { try read(setting, into: &settings) }
        if settings.mongo != nil, origin("store") == .byDefault { settings.store = .mongo }
        guard settings.store != .mongo || settings.mongo != nil else {
            throw .conflict("--store mongo needs an address: give --mongo mongodb://host:27017")
        }
        if settings.processorHTTP.port == settings.traderHTTP.port, origin("trader-http") == .byDefault {
            settings.traderHTTP.port = 8083
        }
        return settings
    }

    /// Where the value of a setting came from.
    func origin(_ flag: String) -> SettingOrigin { origins[flag] ?? .byDefault }

    private func refuseUnknownVariables() throws(SettingsError) {
        let known =
            [Self.fileVariable]
            + Setting.all.flatMap { setting in setting.variables + (setting.isSecret ? setting.secretFiles : []) }
        for name in environment.keys.sorted() where name.hasPrefix("TICKLINE_") && !known.contains(name) {
            let candidates = known.filter { $0.hasPrefix("TICKLINE_") }
            throw .unknownVariable(name, nearest: nearest(to: name, in: candidates) ?? Self.fileVariable)
        }
    }

    private mutating func warnOfReplacedVariables() {
        for name in ["MAX_CONNECTION_RETRY", "RETRY_DELAY"] where environment[name] != nil {
            warnings.append(
                "\(name) is no longer used: feeds reconnect without a limit, 0.1 to 10 s apart with jitter")
        }
    }

    private mutating func readFile(into settings: inout Settings) throws(SettingsError) {
        let path: String
        let source: String
        if let flag = flags[Self.fileFlag]?.last {
            (path, source) = (flag, "--\(Self.fileFlag)")
        } else if let variable = environment[Self.fileVariable], !variable.isEmpty {
            (path, source) = (variable, Self.fileVariable)
        } else {
            return
        }
        try read(SettingsFile(path: path, source: source), into: &settings)
    }

    /// Takes over what a file sets.
    mutating func read(_ file: SettingsFile, into settings: inout Settings) throws(SettingsError) {
        for (setting, node, place) in file.found {
            let isTaken: Bool
            do { isTaken = try setting.decode(node, &settings) } catch { isTaken = false }
            guard isTaken else {
                throw .misplaced(place, "\(setting.name) is refused; give \(setting.expected)")
            }
            origins[setting.flag] = .file(place)
        }
    }

    /// A setting's value from its flag or its variables; an empty variable counts as not set.
    private mutating func read(_ setting: Setting, into settings: inout Settings) throws(SettingsError) {
        guard let (origin, texts) = try values(setting) else { return }
        guard setting.parse(texts, &settings) else {
            throw .invalid(
                source: "\(origin)", value: setting.isSecret ? nil : texts.joined(separator: " "),
                expected: "\(setting.expected), for example \(setting.example)")
        }
        origins[setting.flag] = origin
        let shown = (try? setting.encode(settings)) ?? nil  // what was parsed always encodes
        if setting.isSecret, case .flag(let name) = origin, shown?.isMasked == true {
            warnings.append(
                "--\(name) shows its password in the process list; give it by \(setting.variables[0]) or"
                    + " \(setting.secretFiles[0])")
        }
    }

    private func values(_ setting: Setting) throws(SettingsError) -> (SettingOrigin, [String])? {
        if let texts = flags[setting.flag], !texts.isEmpty { return (.flag(setting.flag), texts) }
        for (name, fileName) in zip(setting.variables, setting.secretFiles) {
            let text = environment[name].flatMap { $0.isEmpty ? nil : $0 }
            if setting.isSecret, let path = environment[fileName], !path.isEmpty {
                guard text == nil else {
                    throw .conflict("\(name) and \(fileName) are both set; keep one of them")
                }
                return (.variable(fileName), [try secret(path: path, source: fileName)])
            }
            if let text { return (.variable(name), [text]) }
        }
        return nil
    }

    /// A file's one line, without the newline at its end.
    private func secret(path: String, source: String) throws(SettingsError) -> String {
        var text = try BoundedFile.text(path: path, mostBytes: Self.mostSecretBytes, source: source)
        if text.last?.isNewline == true { text.removeLast() }
        guard !text.isEmpty, !text.contains(where: \.isNewline) else {
            throw .unreadableFile(
                path: path, reason: "it must hold one line, the value of \(source.dropLast("_FILE".count))")
        }
        return text
    }
}

extension Setting {
    /// The variables that name a file holding the value, one for each of `variables`; only for secrets.
    var secretFiles: [String] { variables.map { $0 + "_FILE" } }
}

extension Settings {
    /// Opens the files that settings name.
    ///
    /// - Throws: `unreadableFile`, `unwritableFile`.
    func checkFiles(_ resolver: SettingsResolver) throws(SettingsError) {
        for setting in Setting.all {
            let source = resolver.origin(setting.flag)
            switch setting.fileProblem(self) {
            case .unreadable(let path, let reason):
                throw .unreadableFile(path: path, reason: "\(reason); \(source) names it")
            case .unwritable(let path, let reason):
                throw .unwritableFile(path: path, reason: "\(reason); \(source) names it")
            case nil: continue
            }
        }
    }
}
