internal import Foundation

/// What the path of a websocket request asks for. [Binance Spot, web-socket-streams.md: general information]
struct StreamAddress: Equatable {
    /// Whether messages come in an envelope.
    var isCombined: Bool
    /// The streams asked for, in order, each once.
    var streams: [String]
    /// The unit of times asked for.
    var timeUnit: TimeUnit

    /// Reads `/ws[/a[/b…]]` or `/stream[?streams=a/b…]`, under the USD-M roots `/public` and `/market` too; nil for
    /// anything else. Of other query items only `timeUnit` means something.
    init?(uri: String) {
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let items = parts.count > 1 ? parts[1].split(separator: "&") : []
        let isMicroseconds = items.contains { ["timeUnit=MICROSECOND", "timeUnit=microsecond"].contains($0) }
        timeUnit = isMicroseconds ? .microseconds : .milliseconds
        var path = parts[0].split(separator: "/").map(String.init)
        if let root = path.first, ["public", "market"].contains(root) { path.removeFirst() }
        switch path.first {
        case "ws":
            isCombined = false
            guard let names = Self.decoded(path.dropFirst()) else { return nil }
            streams = names
        case "stream" where path.count == 1:
            isCombined = true
            let list = items.first { $0.hasPrefix("streams=") }?.dropFirst("streams=".count) ?? ""
            // Some clients escape the slashes between the names as well.
            guard let text = String(list).removingPercentEncoding else { return nil }
            streams = Self.unique(text.split(separator: "/").map(String.init))
        default: return nil
        }
        guard streams.count <= SimulatorConnection.maximumStreams else { return nil }
    }

    private static func decoded(_ names: ArraySlice<String>) -> [String]? {
        let texts = names.compactMap(\.removingPercentEncoding)
        return texts.count == names.count ? unique(texts) : nil
    }

    private static func unique(_ names: [String]) -> [String] {
        var seen = Set<String>()
        return names.filter { seen.insert($0).inserted }
    }
}
