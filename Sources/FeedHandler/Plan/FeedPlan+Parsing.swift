internal import TradingModel
internal import Transport

extension FeedPlan {
    /// The address as it is, without added streams.
    static func parse(_ text: String) throws(FeedPlanError) -> FeedPlan {
        let (name, address) = splitExchange(text)
        let url: TransportURL
        do throws(TransportError) { url = try TransportURL(parsing: address) } catch {
            throw .notAnAddress(masked(address))
        }
        // Before anything that shows the address in an error.
        guard !url.hasCredentials else { throw .credentials }
        guard ["ws", "wss"].contains(url.scheme) else { throw .unknownScheme(url.scheme) }
        let isTLS = url.scheme == "wss"
        let place = try parsePlace(url)
        let exchange = try exchange(named: name, host: url.host)
        return FeedPlan(
            exchange: exchange, host: url.host, port: url.port ?? (isTLS ? 443 : 80), isTLS: isTLS,
            pathPrefix: place.prefix, addressing: place.addressing,
            otherQueryItems: withTimeUnit(place.otherQueryItems, exchange), streams: place.streams)
    }

    /// Spot addresses that don't say which unit times are in ask for microseconds; USD-M knows no such item.
    private static func withTimeUnit(_ items: [String], _ exchange: Exchange) -> [String] {
        guard exchange != .binanceUSDM, !items.contains(where: { $0.lowercased().hasPrefix("timeunit=") }) else {
            return items
        }
        return items + ["timeUnit=MICROSECOND"]
    }

    /// The text without what might be a user name and password: all before an `@` in front of the path, and in text without
    /// a scheme all before the last `@` that follows a colon.
    private static func masked(_ address: String) -> String {
        let start = address.firstRange(of: "://")?.upperBound
        let rest = address[(start ?? address.startIndex)...]
        let login = start == nil ? rest : rest.prefix { $0 != "/" }
        guard let sign = login.lastIndex(of: "@"), start != nil || login[..<sign].contains(":") else { return address }
        return address[..<rest.startIndex] + "***" + rest[sign...]
    }

    /// `EXCHANGE=URL` or `URL`: an `=` counts only before the `://`.
    private static func splitExchange(_ text: String) -> (name: String?, address: String) {
        guard let equals = text.firstIndex(of: "="), !text[..<equals].contains("/"), !text[..<equals].contains(":")
        else { return (nil, text) }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }

    private static func exchange(named name: String?, host: String) throws(FeedPlanError) -> Exchange {
        guard let name else { return exchange(ofHost: host) }
        guard let exchange = Exchange(rawValue: name) else { throw .unknownExchange(name) }
        guard FeedStreams.supportedExchanges.contains(exchange) else { throw .unsupportedExchange(name) }
        return exchange
    }

    /// USD-M hosts: `fstream.binance.com`, `fstream-auth…`, `demo-fstream…` and the testnet `…binancefuture.com`.
    private static func exchange(ofHost host: String) -> Exchange {
        let host = host.lowercased()
        let isFutures =
            host.hasPrefix("fstream") || host.hasPrefix("demo-fstream") || host.hasSuffix("binancefuture.com")
        return isFutures ? .binanceUSDM : .binance
    }

    private struct Place {
        var prefix: String
        var addressing: Addressing
        var otherQueryItems: [String]
        var streams: [StreamName]
    }

    private static func parsePlace(_ url: TransportURL) throws(FeedPlanError) -> Place {
        let items = (url.query ?? "").split(separator: "&").map(String.init)
        let parts = url.path.split(separator: "/")
        if let position = parts.firstIndex(of: "ws") {
            return Place(
                prefix: prefix(parts[..<position]), addressing: .raw, otherQueryItems: items,
                streams: try streams(Array(parts[(position + 1)...])))
        }
        guard let position = parts.firstIndex(of: "stream"), position == parts.count - 1 else {
            throw .unknownPath(url.path)
        }
        let (named, others) = (items.filter { $0.hasPrefix("streams=") }, items.filter { !$0.hasPrefix("streams=") })
        let names = named.flatMap { $0.dropFirst("streams=".count).split(separator: "/") }
        return Place(
            prefix: prefix(parts[..<position]), addressing: .combined, otherQueryItems: others,
            streams: try streams(names))
    }

    private static func prefix(_ parts: ArraySlice<Substring>) -> String { parts.map { "/\($0)" }.joined() }

    /// Each stream once, in order.
    private static func streams(_ names: [Substring]) throws(FeedPlanError) -> [StreamName] {
        guard !names.isEmpty else { throw .noStream }
        var streams: [StreamName] = []
        var seen: Set<StreamName> = []
        for name in names {
            let stream = try StreamName(parsing: unescaped(name))
            if seen.insert(stream).inserted { streams.append(stream) }
        }
        return streams
    }

    /// `%40` is the one escape that tools put into stream names.
    private static func unescaped(_ name: Substring) -> Substring {
        Substring(name.split(separator: "%40", omittingEmptySubsequences: false).joined(separator: "@"))
    }
}
