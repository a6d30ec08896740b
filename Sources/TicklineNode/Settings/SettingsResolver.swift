import Foundation
import Glibc
import Logging
import Monitoring
import TradingModel

/// Turns flags and environment into settings: a flag wins over a variable, a variable over the default.
public struct SettingsResolver {
    /// Lines an operator should see: settings that are read but no longer do anything.
    public private(set) var warnings: [String] = []

    private let flags: [SettingKey: [String]]
    private let environment: [String: String]

    /// Takes the flags given, by key, and the environment.
    public init(flags: [SettingKey: [String]], environment: [String: String]) {
        self.flags = flags
        self.environment = environment
    }

    /// Resolves everything.
    ///
    /// - Throws: `unknownVariable`, `invalid`, `conflict`, `unreadableFile`.
    public mutating func resolve() throws(SettingsError) -> Settings {
        try refuseUnknownVariables()
        warnOfReplacedVariables()
        let short = try number(.short, default: 50, most: SMACrossoverParameters.longestPeriod)
        let long = try number(.long, default: 200, most: SMACrossoverParameters.longestPeriod)
        let strategy: SMACrossoverParameters
        do {
            strategy = try SMACrossoverParameters(shortPeriod: short, longPeriod: long)
        } catch {
            throw .conflict("\(error)")
        }
        var settings = Settings(strategy: strategy)
        if let feeds = values(.feed) { settings.feeds = feeds.texts }
        settings.redis = text(.redis)
        settings.redisCAFile = try readableFile(.redisCAFile)
        settings.redisCertFile = try readableFile(.redisCertFile)
        settings.redisKeyFile = try readableFile(.redisKeyFile)
        settings.mongo = text(.mongo)
        settings.publish = try choice(.publish, default: .append)
        settings.idle = try choice(.idle, default: .park)
        settings.signalStream = text(.signalStream) ?? settings.signalStream
        settings.streamMaxLength = try number(
            .streamMaxLength, default: settings.streamMaxLength, most: 1_000_000_000)
        settings.streamMaxAgeDays = try number(
            .streamMaxAgeDays, default: settings.streamMaxAgeDays, most: 36_500)
        settings.mongoDatabase = text(.mongoDatabase) ?? settings.mongoDatabase
        settings.depthCollection = text(.depthCollection) ?? settings.depthCollection
        settings.signalsCollection = text(.signalsCollection) ?? settings.signalsCollection
        settings.tickRetentionDays = try number(
            .tickRetentionDays, default: settings.tickRetentionDays, most: 24_855)  // MongoDB: 2³¹ − 1 seconds
        settings.store = try choice(.store, default: settings.mongo == nil ? .sqlite : .mongo)
        guard settings.store != .mongo || settings.mongo != nil else {
            throw .conflict("--store mongo needs an address: give --mongo mongodb://host:27017")
        }
        settings.data = text(.data) ?? settings.data
        settings.collectorHTTP = try address(.collectorHTTP) ?? settings.collectorHTTP
        settings.processorHTTP = try address(.processorHTTP) ?? settings.processorHTTP
        if settings.processorHTTP.port == settings.traderHTTP.port { settings.traderHTTP.port = 8083 }
        settings.traderHTTP = try address(.traderHTTP) ?? settings.traderHTTP
        settings.caFile = try readableFile(.caFile)
        settings.proxy = try proxy()
        settings.scales = try scales()
        settings.logLevel = try logLevel()
        settings.summaryJSON = try writableFile(.summaryJSON)
        return settings
    }

    private func refuseUnknownVariables() throws(SettingsError) {
        let known = SettingKey.allCases.flatMap(\.environmentNames).filter { $0.hasPrefix("TICKLINE_") }
        for name in environment.keys.sorted() where name.hasPrefix("TICKLINE_") && !known.contains(name) {
            throw .unknownVariable(name, nearest: nearest(to: name, in: known) ?? "TICKLINE_FEED")
        }
    }

    private mutating func warnOfReplacedVariables() {
        for name in ["MAX_CONNECTION_RETRY", "RETRY_DELAY"] where environment[name] != nil {
            warnings.append(
                "\(name) is no longer used: feeds reconnect without a limit, 0.1 to 10 s apart with jitter")
        }
    }

    /// The texts given for a key and where they came from; an empty variable counts as not set.
    private func values(_ key: SettingKey) -> (source: String, texts: [String])? {
        if let texts = flags[key], !texts.isEmpty { return ("--\(key.rawValue)", texts) }
        for name in key.environmentNames {
            if let text = environment[name], !text.isEmpty { return (name, [text]) }
        }
        return nil
    }

    private func text(_ key: SettingKey) -> String? { values(key)?.texts.last }

    private func number(_ key: SettingKey, default fallback: Int, most: Int) throws(SettingsError) -> Int {
        guard let (source, texts) = values(key), let text = texts.last else { return fallback }
        guard let number = Int(text), (1...most).contains(number) else {
            throw .invalid(
                source: source, value: text, expected: "a whole number from 1 to \(most), for example \(fallback)")
        }
        return number
    }

    private func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: SettingKey, default fallback: Choice
    ) throws(SettingsError) -> Choice {
        guard let (source, texts) = values(key), let text = texts.last else { return fallback }
        guard let choice = Choice(rawValue: text) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid(source: source, value: text, expected: "one of \(names)")
        }
        return choice
    }

    private func address(_ key: SettingKey) throws(SettingsError) -> ListenAddress? {
        guard let (source, texts) = values(key), let text = texts.last else { return nil }
        return try ListenAddress(parsing: text, source: source)
    }

    private func readableFile(_ key: SettingKey) throws(SettingsError) -> String? {
        guard let path = text(key) else { return nil }
        do {
            _ = try FileHandle(forReadingFrom: URL(fileURLWithPath: path)).read(upToCount: 1)
        } catch {
            let code = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
            let reason = code.map { String(cString: strerror(Int32($0.code))) } ?? error.localizedDescription
            throw .unreadableFile(path: path, reason: "\(reason); --\(key.rawValue) names it")
        }
        return path
    }

    /// Opened at the start, so that a run does not end with nowhere to write to.
    private func writableFile(_ key: SettingKey) throws(SettingsError) -> String? {
        guard let path = text(key) else { return nil }
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
        guard descriptor >= 0 else {
            throw .unwritableFile(path: path, reason: "\(String(cString: strerror(errno))); --\(key.rawValue) names it")
        }
        close(descriptor)
        return path
    }

    private func proxy() throws(SettingsError) -> String? {
        guard let (source, texts) = values(.proxy), let text = texts.last else { return nil }
        let schemes = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]
        guard let url = URLComponents(string: text), let scheme = url.scheme, schemes.contains(scheme),
            url.host?.isEmpty == false
        else {
            // The text may hold a password.
            throw .invalid(
                source: source, value: maskedURL(text),
                expected: "http://host:port or socks5h://host:port")
        }
        return text
    }

    private func scales() throws(SettingsError) -> [ScaleSetting] {
        guard let (source, texts) = values(.scale) else { return [] }
        var scales: [ScaleSetting] = []
        for text in texts.flatMap({ $0.split(separator: " ") }) {
            let parts = text.split(separator: "=")
            let decimals = parts.last.map { $0.split(separator: ",").compactMap { Int($0) } } ?? []
            let range = 0...InstrumentSpecification.mostDecimals
            guard parts.count == 2, (1...2).contains(decimals.count), decimals.allSatisfy(range.contains) else {
                throw .invalid(
                    source: source, value: String(text),
                    expected: "SYMBOL=PRICE_DECIMALS[,QUANTITY_DECIMALS] with 0 to 12, for example BTCUSDT=2,5")
            }
            scales.append(
                ScaleSetting(
                    instrument: String(parts[0]), priceDecimals: decimals[0], quantityDecimals: decimals.last ?? 8))
        }
        return scales
    }

    private func logLevel() throws(SettingsError) -> String {
        guard let (source, texts) = values(.logLevel), let text = texts.last else { return "info" }
        guard Logger.Level(rawValue: text) != nil else {
            let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid(source: source, value: text, expected: "one of \(names)")
        }
        return text
    }
}
