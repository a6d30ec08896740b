extension Settings {
    /// The settings as a YAML file that can be read back, each with its help and where its value came from.
    ///
    /// What holds a password is a comment with the password left out: whoever reads the file back gives it by a variable.
    func yaml(origin: (String) -> SettingOrigin) throws -> String {
        let secretFiles = Setting.all.filter(\.isSecret).map { $0.secretFiles[0] }.joined(separator: ", ")
        var text = """
            # Settings of Tickline, as `tickline config` prints them. Flags win over environment variables, variables over
            # this file (--config FILE or TICKLINE_CONFIG), the file over defaults. What may hold a password can also be
            # given by a file that a variable with _FILE at its end names: \(secretFiles).

            """
        var open: [String] = []
        for setting in Setting.all {
            let sections = setting.path.dropLast()
            let same = zip(open, sections).prefix { $0 == $1 }.count
            for (depth, section) in sections.enumerated().dropFirst(same) {
                text += "\n\(indent(depth))\(section):\n"
            }
            if sections.isEmpty { text += "\n" }
            open = Array(sections)
            text += try entry(setting, origin: origin(setting.flag))
        }
        return text
    }

    private func entry(_ setting: Setting, origin: SettingOrigin) throws -> String {
        let margin = indent(setting.path.count - 1)
        let variables = setting.variables.joined(separator: ", ")
        let help =
            "\(margin)# \(setting.help).\n"
            + "\(margin)# (--\(setting.flag), \(variables); default \(setting.defaultText))\n"
        let key = setting.path.last ?? ""
        if let (yaml, isMasked) = try setting.encode(self), yaml != "{}", yaml != "[]" {
            let variable = setting.isSecret ? setting.secretFiles[0] : setting.variables[0]
            let note = isMasked ? "\(origin); secret left out, give it by \(variable)" : "\(origin)"
            return help + lines(key, yaml, note: note, margin: isMasked ? margin + "# " : margin)
        }
        var example = Settings()
        guard setting.parse([setting.example], &example), let (yaml, _) = try setting.encode(example) else {
            preconditionFailure("the example of \(setting.name) is refused")
        }
        return help + lines(key, yaml, note: "not set; an example", margin: margin + "# ")
    }

    /// `key: value`, or the key with a block below it; the note is a comment on the key's line.
    private func lines(_ key: String, _ yaml: String, note: String, margin: String) -> String {
        let isBlock = yaml.contains("\n") || yaml.hasPrefix("- ")
        guard isBlock else { return "\(margin)\(key): \(yaml)  # \(note)\n" }
        return "\(margin)\(key):  # \(note)\n"
            + yaml.split(separator: "\n").map { "\(margin)  \($0)\n" }.joined()
    }

    private func indent(_ depth: Int) -> String { String(repeating: "  ", count: depth) }
}
