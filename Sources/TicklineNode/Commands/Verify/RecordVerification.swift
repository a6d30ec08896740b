import ConsoleSignals
import Journal
import RecordComparison
import Replay
import TradingModel

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
    private(set) var ticks = 0
    private(set) var signals = 0
    private var catalog: MarketCatalog?
    /// Whether the signals of the run, and those it has taken over and put on record, are for the stream.
    private var isForStream = true
    /// Of the catalogue, by instrument and strategy.
    private var pairs: [Pair] = []
    /// Of the catalogue's instruments, by kind.
    private var tickSeries: [Int: Int] = [:]
    private var covered: [String: ClosedRange<UInt64>] = [:]
    private var signalSeries: [Int: UInt64] = [:]

    /// `lastSequence` was written before the folder was listed: what the engine took up to there is in the files listed.
    init(
        _ folder: JournalFolder, through lastSequence: UInt64, store: (any StoreChecking)?, stream: StreamComparison
    ) {
        self.folder = folder
        self.lastSequence = lastSequence
        self.store = store
        self.stream = stream
    }

    /// Plays all runs, from the oldest checkpoint of which the feeds' bytes are still there.
    func play() throws {
        var segments = (folder.chains[JournalChain(.engine)] ?? []).map(\.segment)[...]
        while let first = segments.popFirst() {
            var player = JournalPlayer(folder: folder, from: first)
            var tap = RecordTap(&player)
            do throws(ReplayError) {
                guard try tap.step(&player, { _ in }, signal: { _ in }) else { continue }
            } catch {
                guard case .missingFeed = error, !segments.isEmpty else { throw error }
                continue
            }
            begin(player)
            try play(&player, &tap)
            break
        }
        try finish()
    }

    private func play(_ player: inout JournalPlayer, _ tap: inout RecordTap) throws {
        while player.sequence < lastSequence {
            var records: [ReplayedRecord] = []
            var decided: [PlayedSignal] = []
            guard try tap.step(&player, { records.append($0) }, signal: { decided.append($0) }) else { return }
            var fresh: [Decision] = []
            for record in records {
                switch record {
                case .tick(let tick, let receiveTime, _): try take(tick, receiveTime, player.sequence)
                case .decision(let decision): fresh.append(decision)
                case .gap: break
                }
            }
            guard tap.hasChangedRun else {
                for signal in decided { try take(signal, player.sequence) }
                continue
            }
            // What the earlier run had left has its numbers; what only the next one has on record has that one's. All of it goes
            // where the next one's signals go.
            isForStream = player.description?.isForStream ?? true
            for signal in decided where fresh.contains(signal.decision) { try take(signal, player.sequence) }
            begin(player)
            for signal in decided where !fresh.contains(signal.decision) { try take(signal, player.sequence) }
        }
    }

    private func begin(_ player: borrowing JournalPlayer) {
        keepCoverage()
        let next = player.catalog
        (catalog, isForStream) = (next, player.description?.isForStream ?? true)
        tickSeries = [:]
        pairs = []
        guard let next else { return }
        for instrument in next.instruments.indices {
            for strategy in next.strategies.indices {
                let (index, number) = (UInt32(instrument), UInt16(strategy))
                let series = RecordSeries(
                    table: .signals, instrument: StoredInstrument(next.instruments[instrument].instrument),
                    name: next.strategyName(instrument: index, strategy: number))
                pairs.append(
                    Pair(
                        prefix: next.identifierPrefix(instrument: index, strategy: number),
                        series: store?.index(of: series)))
            }
        }
    }

    private func keepCoverage() {
        for pair in pairs {
            guard let ticks = pair.ticks else { continue }
            let before = covered[pair.prefix] ?? ticks
            let whole =
                min(before.lowerBound, ticks.lowerBound)...max(before.upperBound, ticks.upperBound)
            covered[pair.prefix] = whole
            if let series = pair.series { signalSeries[series] = whole.upperBound }
        }
    }

    private func take(_ tick: Tick, _ receiveTime: UnixNanos, _ sequence: UInt64) throws {
        guard let catalog else { return }
        ticks += 1
        let instrument = Int(tick.instrument)
        if tick.kind == catalog.instruments[instrument].averageSource.rawValue {
            for index in instrument * catalog.strategies.count..<(instrument + 1) * catalog.strategies.count {
                if let range = pairs[index].ticks {
                    pairs[index].ticks = min(range.lowerBound, tick.id)...max(range.upperBound, tick.id)
                } else {
                    pairs[index].ticks = tick.id...tick.id
                    if let series = pairs[index].series { store?.cover(series, from: Int64(clamping: tick.id)) }
                }
            }
        }
        guard let store, let record = ExpectedRecord(tick, receiveTime: receiveTime, of: catalog, sequence: sequence)
        else { return }
        let key = instrument << 8 | Int(tick.kind)
        let series =
            tickSeries[key]
            ?? store.index(
                of: RecordSeries(
                    table: .ticks, instrument: StoredInstrument(catalog.instruments[instrument].instrument),
                    name: RecordKind(rawValue: tick.kind)?.name ?? ""))
        tickSeries[key] = series
        try store.take(record, in: series)
    }

    private func take(_ signal: PlayedSignal, _ sequence: UInt64) throws {
        guard let catalog else { return }
        signals += 1
        let decision = signal.decision
        if isForStream {
            stream.expect(
                catalog.identifier(of: decision), number: signal.number,
                fields: SignalLine(catalog: catalog).fields(decision))
        }
        let pair = pairs[Int(decision.instrument) * catalog.strategies.count + Int(decision.strategy)]
        guard let store, let series = pair.series,
            let record = ExpectedRecord(decision, of: catalog, sequence: sequence)
        else { return }
        try store.take(record, in: series)
    }

    private func finish() throws {
        keepCoverage()
        for (prefix, ticks) in covered { stream.cover(prefix, tickIDs: ticks) }
        guard let store else { return }
        for (index, last) in signalSeries.sorted(by: { $0.key < $1.key }) {
            try store.finish(index, at: Int64(clamping: last))
        }
        // Also those of which the last run took nothing.
        try store.finish()
    }
}

extension StoredInstrument {
    fileprivate init(_ instrument: Instrument) {
        self.init(exchange: instrument.exchange.rawValue, symbol: instrument.symbol)
    }
}
