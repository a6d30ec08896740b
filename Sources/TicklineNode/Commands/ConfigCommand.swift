import Foundation

/// `tickline config`: the effective settings, or the schema of the YAML file.
public enum ConfigCommand {
    /// Prints the settings that `tickline run` would use with the same flags and environment. Returns the exit status.
    public static func run(flags: [String: [String]]) async -> Int32 {
        await exitStatus {
            var resolver = SettingsResolver(flags: flags, environment: ProcessInfo.processInfo.environment)
            let settings = try resolver.resolve()
            _ = try NodePlan(settings: settings) { resolver.origin($0) }
            for warning in resolver.warnings { printError(warning) }
            try printOutput(try settings.yaml { resolver.origin($0) }, terminator: "")
        }
    }

    /// Prints the JSON Schema of the YAML file. Returns the exit status.
    public static func printSchema() async -> Int32 {
        await exitStatus { try printOutput(SettingsSchema.json()) }
    }
}
