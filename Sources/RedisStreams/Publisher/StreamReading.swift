import TradingModel

/// What reading the stream backwards has found.
struct StreamReading {
    private let pairs: [String: (instrument: UInt32, strategy: UInt16)]
    private let leastEntries: Int
    private let mostTail: Int
    private let floorMillis: UInt64?
    private var entries = 0
    private var seen: Set<String> = []
    /// The outbox positions found.
    private(set) var present: [UInt64: HeldSignal] = [:]
    /// At most `mostTail` newest signals by id.
    private(set) var tail: [String: HeldSignal] = [:]
    /// The newest signal of each pair.
    private(set) var signs: [PublishedSign] = []
    private(set) var newestMillis: UInt64 = 0
    private(set) var foreignEntries = 0
    /// The newest tick of each pair; nil where nobody asks.
    private(set) var newestTicks: [String: UInt64]?
    /// Whether the whole stream was read.
    var hasReachedStart = false

    /// Reads back over `leastEntries` entries, and further to `floorMillis` where that is given.
    init(
        catalog: MarketCatalog, leastEntries: Int, mostTail: Int, floorMillis: UInt64?,
        newestTicks: [String: UInt64]? = nil
    ) {
        self.newestTicks = newestTicks
        var pairs: [String: (UInt32, UInt16)] = [:]
        for instrument in catalog.instruments.indices {
            for strategy in catalog.strategies.indices {
                let (index, number) = (UInt32(instrument), UInt16(strategy))
                pairs[catalog.identifierPrefix(instrument: index, strategy: number)] = (index, number)
            }
        }
        self.pairs = pairs
        self.leastEntries = leastEntries
        self.mostTail = mostTail
        self.floorMillis = floorMillis
    }

    /// Takes the next older entry; `positions` are where its id is in the outbox. True when enough has been read.
    mutating func take(_ entry: StreamEntry, positions: [UInt64]) -> Bool {
        let id = StreamEntryID(entry.entryID) ?? .zero
        if entries >= leastEntries, let floorMillis, id.millis < floorMillis { return true }
        entries += 1
        newestMillis = max(newestMillis, id.millis)
        let held = HeldSignal(entry: id, content: entry.content)
        for position in positions where present[position] == nil { present[position] = held }
        if newestTicks != nil, let (pair, tick) = entry.identifier.flatMap(StreamEntry.tick) {
            let newest = newestTicks?[pair] ?? 0
            newestTicks?[pair] = max(newest, tick)
        }
        if let identifier = entry.identifier, let sign = sign(identifier, entry) {
            if tail.count < mostTail, tail[identifier] == nil { tail[identifier] = held }
            let prefix = "\(sign.instrument)/\(sign.strategy)"
            if seen.insert(prefix).inserted { signs.append(sign) }
        } else {
            foreignEntries += 1
        }
        return floorMillis == nil && entries >= leastEntries
    }

    /// Reads `exchange:symbol:strategy:tickId[:gap]` by the catalogue's prefixes; nil for what is none of ours.
    private func sign(_ identifier: String, _ entry: StreamEntry) -> PublishedSign? {
        guard let (prefix, tickID) = StreamEntry.tick(of: identifier), let pair = pairs[prefix] else { return nil }
        let side: Side
        switch entry.fields["signal"] {
        case "BUY": side = .buy
        case "SELL": side = .sell
        default: return nil
        }
        return PublishedSign(instrument: pair.instrument, strategy: pair.strategy, tickID: tickID, side: side)
    }
}
