import ConsoleSignals
import Journal
import RecordComparison
import Replay
import TradingModel

/// What a journal has given, by number.
struct PlayedCounts {
    var ticks = 0
    var signals = 0
    var decisions = 0
    var books = 0
    var klines = 0
    var gaps = 0
}

/// Plays a journal and gives what comes of it to the comparisons.
final class RecordVerification {
    /// Of one instrument and strategy.
    private struct Pair {
        let prefix: String
        let series: Int?
        var ticks: ClosedRange<UInt64>?
    }

    private let folder: JournalFolder
    /// The engine's entry to end with.
    private let lastSequence: UInt64
    private let store: (any StoreChecking)?
    private(set) var stream: StreamComparison
    private(set) var counts = PlayedCounts()
    private var catalog: MarketCatalog?
    /// Whether the signals of the run, and those it has taken over and put on record, are for the stream.
    private var isForStream = true
    /// Of the catalogue, by instrument and strategy.
    private var pairs: [Pair] = []
    /// Of the catalogue's instruments, by kind: that of the records, and that of the gaps in their ids.
    private var kindSeries: [Int: (records: Int, gaps: Int)] = [:]
    /// Of the catalogue's instruments, by interval.
    private var klineSeries: [Int: Int] = [:]
    /// Parts that are not compared, for the journal no longer has all that was taken there.
    private(set) var passages: [Passage] = []
    /// By the ids' prefixes the first and last tick since the last of them.
    private var covered: [String: ClosedRange<UInt64>] = [:]

    /// `lastSequence` was written before the folder was listed: what the engine took up to there is in the files listed.
    init(
        _ folder: JournalFolder, through lastSequence: UInt64, store: (any StoreChecking)?, stream: StreamComparison
    ) {
        self.folder = folder
        self.lastSequence = lastSequence
        self.store = store
        self.stream = stream
    }

    /// Plays all runs, but for parts of which something is missing: what those gave is not compared.
    func play() throws {
        var player = JournalPlayer(folder: folder, passesMissing: true)
        var tap = RecordTap(&player)
        while player.sequence < lastSequence, try step(&player, &tap) {}
        passages = player.passages
        endCoverage()
        try store?.finish()
    }

    /// Plays the next event; false at the end.
    private func step(_ player: inout JournalPlayer, _ tap: inout RecordTap) throws -> Bool {
        let passagesBefore = player.passages.count
        var records: [ReplayedRecord] = []
        var decided: [PlayedSignal] = []
        guard try tap.step(&player, { records.append($0) }, signal: { decided.append($0) }) else { return false }
        let isBehindPassage = player.passages.count > passagesBefore
        let wasForStream = isForStream
        // What the earlier run had left has its numbers; what only the next one has on record has that one's. All of it goes
        // where the next one's signals go.
        if tap.hasChangedRun || isBehindPassage { isForStream = player.description?.isForStream ?? true }
        var fresh: [Decision] = []
        for record in records {
            switch record {
            case .tick(let tick, let receiveTime, _): try take(tick, receiveTime, player.sequence)
            case .decision(let decision):
                fresh.append(decision)
                try take(decision, player.sequence)
            case .gap(let gap): try take(gap, player.sequence)
            case .book(let book): try take(book, player.sequence)
            case .kline(let kline): try take(kline, player.sequence)
            }
        }
        guard tap.hasChangedRun || isBehindPassage else {
            for signal in decided { take(signal) }
            return true
        }
        for signal in decided where fresh.contains(signal.decision) { take(signal) }
        keepCoverage()
        // What another instance publishes of a console run's signals is none of this one's.
        if isBehindPassage || isForStream != wasForStream { endCoverage() }
        if isBehindPassage { try store?.passOver() }
        begin(player)
        for signal in decided where !fresh.contains(signal.decision) {
            take(signal)
            try take(signal.decision, player.sequence)
        }
        return true
    }

    private func begin(_ player: borrowing JournalPlayer) {
        let next = player.catalog
        catalog = next
        (kindSeries, klineSeries) = ([:], [:])
        pairs = []
        guard let next else { return }
        for instrument in next.instruments.indices {
            for strategy in next.strategies.indices {
                let (index, number) = (UInt32(instrument), UInt16(strategy))
                let series = RecordSeries(
                    table: .decisions, instrument: StoredInstrument(next.instruments[instrument].instrument),
                    name: next.strategyName(instrument: index, strategy: number))
                pairs.append(
                    Pair(
                        prefix: next.identifierPrefix(instrument: index, strategy: number),
                        series: store?.index(of: series)))
            }
        }
    }

    /// Adds what the run's averages have been taken over to what those of earlier ones have.
    private func keepCoverage() {
        for pair in pairs {
            guard let ticks = pair.ticks else { continue }
            let before = covered[pair.prefix] ?? ticks
            covered[pair.prefix] = min(before.lowerBound, ticks.lowerBound)...max(before.upperBound, ticks.upperBound)
        }
    }

    /// Tells the stream's comparison what is covered without a part that was passed over.
    private func endCoverage() {
        keepCoverage()
        for (prefix, ticks) in covered { stream.cover(prefix, tickIDs: ticks) }
        covered = [:]
    }

    private func take(_ tick: Tick, _ receiveTime: UnixNanos, _ sequence: UInt64) throws {
        guard let catalog else { return }
        counts.ticks += 1
        let instrument = Int(tick.instrument)
        if tick.kind == catalog.instruments[instrument].averageSource.rawValue {
            for index in instrument * catalog.strategies.count..<(instrument + 1) * catalog.strategies.count {
                let range = pairs[index].ticks ?? tick.id...tick.id
                if isForStream { pairs[index].ticks = min(range.lowerBound, tick.id)...max(range.upperBound, tick.id) }
                if let series = pairs[index].series { store?.cover(series, at: Int64(clamping: tick.id)) }
            }
        }
        guard let store, let record = ExpectedRecord(tick, receiveTime: receiveTime, of: catalog, sequence: sequence)
        else { return }
        let series = series(of: tick.kind, instrument: instrument, in: .ticks, store, catalog)
        try store.take(record, in: series.records)
        store.cover(series.gaps, at: record.position.key)
    }

    private func take(_ book: BookUpdate, _ sequence: UInt64) throws {
        guard let catalog else { return }
        counts.books += 1
        guard let store, let record = ExpectedRecord(book, of: catalog, sequence: sequence) else { return }
        let series = series(
            of: book.header.kind, instrument: Int(book.header.instrument), in: .depth, store, catalog)
        try store.take(record, in: series.records)
        store.cover(series.gaps, at: record.position.key)
    }

    private func take(_ gap: StoredGap, _ sequence: UInt64) throws {
        guard let catalog else { return }
        counts.gaps += 1
        guard let store, let record = ExpectedRecord(gap, of: catalog, sequence: sequence) else { return }
        let isBook = gap.gap.kind == .depth || gap.gap.kind == .partialDepth
        let series = series(
            of: gap.gap.kind.rawValue, instrument: Int(gap.gap.instrument), in: isBook ? .depth : .ticks, store, catalog
        )
        try store.take(record, in: series.gaps)
    }

    private func take(_ kline: StoredKline, _ sequence: UInt64) throws {
        guard let catalog else { return }
        counts.klines += 1
        guard let store, let record = ExpectedRecord(kline, of: catalog, sequence: sequence) else { return }
        let (instrument, interval) = (Int(kline.kline.instrument), kline.kline.interval)
        let key = instrument << 8 | Int(interval.rawValue)
        let series =
            klineSeries[key]
            ?? store.index(
                of: RecordSeries(
                    table: .klines, instrument: StoredInstrument(catalog.instruments[instrument].instrument),
                    name: interval.name))
        klineSeries[key] = series
        try store.take(record, in: series)
    }

    private func series(
        of kind: UInt8, instrument: Int, in table: StoredTable, _ store: any StoreChecking, _ catalog: MarketCatalog
    ) -> (records: Int, gaps: Int) {
        let key = instrument << 8 | Int(kind)
        if let series = kindSeries[key] { return series }
        var series = RecordSeries(
            table: table, instrument: StoredInstrument(catalog.instruments[instrument].instrument),
            name: RecordKind(rawValue: kind)?.name ?? "")
        let records = store.index(of: series)
        series.table = .gaps
        kindSeries[key] = (records, store.index(of: series))
        return kindSeries[key]!
    }

    private func take(_ decision: Decision, _ sequence: UInt64) throws {
        guard let catalog else { return }
        counts.decisions += 1
        let pair = pairs[Int(decision.instrument) * catalog.strategies.count + Int(decision.strategy)]
        guard let store, let series = pair.series,
            let record = ExpectedRecord(decision, of: catalog, sequence: sequence)
        else { return }
        try store.take(record, in: series)
    }

    private func take(_ signal: PlayedSignal) {
        guard let catalog else { return }
        counts.signals += 1
        guard isForStream else { return }
        stream.expect(
            catalog.identifier(of: signal.decision), number: signal.number,
            fields: SignalLine(catalog: catalog).fields(signal.decision))
    }
}

extension StoredInstrument {
    fileprivate init(_ instrument: Instrument) {
        self.init(exchange: instrument.exchange.rawValue, symbol: instrument.symbol)
    }
}
