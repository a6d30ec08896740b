public import FeedHandler
import Foundation
public import StrategyEngine
public import TradingModel

/// What a run's records mean: stands in front of each checkpoint, so that a journal explains itself.
public struct RunDescription: Codable, Sendable, Equatable {
    /// One instrument, by its index.
    public struct Instrument: Codable, Sendable, Hashable {
        var exchange: String
        var symbol: String
        var priceDecimals: Int
        var quantityDecimals: Int
        var averageSource: UInt8
    }

    /// One strategy, by its index.
    public struct Strategy: Codable, Sendable, Hashable {
        var shortPeriod: Int
        var longPeriod: Int
    }

    /// One feed, by its index.
    public struct Feed: Codable, Sendable, Equatable {
        var exchange: String
        var streams: [String]
        var mostMessageBytes: Int
        var mostSlots: Int
    }

    /// What is done about holes.
    public struct Refill: Codable, Sendable, Equatable {
        var mostRefilledIDs: Int
        var twinWaitMillis: UInt32
        /// Missing in journals of earlier versions.
        var feedsByInstrument: [[Int]]?
        /// Missing in journals of runs whose feeds had one connection.
        var feedPairs: Int?
        /// Missing in journals of runs that had room for `mostHolesUnsaid`.
        var mostHoles: Int?
        private static let mostHolesUnsaid = 8

        var configuration: RefillConfiguration {
            var configuration = RefillConfiguration(
                mostRefilledIDs: mostRefilledIDs, feedsByInstrument: feedsByInstrument ?? [],
                feedPairs: feedPairs ?? 0)
            configuration.twinWaitMillis = twinWaitMillis
            // More than this version has room for is refused with the state.
            configuration.mostHoles = min(max(1, mostHoles ?? Self.mostHolesUnsaid), RefillConfiguration.mostHoles)
            return configuration
        }
    }

    var instruments: [Instrument]
    var strategies: [Strategy]
    var feeds: [Feed]
    var priceBandPercent: Int?
    var refill: Refill?
    /// Instruments and strategies of runs before that this one does not have, with numbers behind this run's own. Signals which
    /// the last run had decided and not put on record are of them; beside the journal, records that the store lacks. Missing
    /// where there are none.
    var formerInstruments: [Instrument]?
    var formerStrategies: [Strategy]?
    /// Whether the signals that the run puts on record are for a stream, and not for the console. Missing in journals of earlier
    /// versions, which did not tell.
    var isPublished: Bool?

    /// Describes a run.
    ///
    /// - Parameters:
    ///   - feeds: plan and longest message of each.
    ///   - mostSlots: slots of a feed's ring.
    ///   - isPublished: whether signals are for a stream.
    public init(
        catalog: MarketCatalog, feeds: [(plan: FeedPlan, mostMessageBytes: Int)], mostSlots: Int,
        priceBandPercent: Int?, refill: RefillConfiguration? = nil, isPublished: Bool? = nil
    ) {
        self.isPublished = isPublished
        instruments = catalog.instruments.map {
            Instrument(
                exchange: $0.instrument.exchange.rawValue, symbol: $0.instrument.symbol,
                priceDecimals: $0.priceDecimals, quantityDecimals: $0.quantityDecimals,
                averageSource: $0.averageSource.rawValue)
        }
        strategies = catalog.strategies.map { Strategy(shortPeriod: $0.shortPeriod, longPeriod: $0.longPeriod) }
        self.feeds = feeds.map {
            Feed(
                exchange: $0.plan.exchange.rawValue, streams: $0.plan.streams.map(\.description),
                mostMessageBytes: $0.mostMessageBytes, mostSlots: mostSlots)
        }
        self.priceBandPercent = priceBandPercent
        self.refill = refill.map {
            Refill(
                mostRefilledIDs: $0.mostRefilledIDs, twinWaitMillis: $0.twinWaitMillis,
                feedsByInstrument: $0.feedsByInstrument, feedPairs: $0.feedPairs, mostHoles: $0.mostHoles)
        }
    }

    /// Whether signals that the run puts on record are for a stream.
    public var isForStream: Bool { isPublished ?? true }

    /// Whether the exchange's history was asked, and so has a chain and a ring behind the feeds'.
    var hasHistory: Bool { (refill?.mostRefilledIDs ?? 0) > 0 }

    /// Number of instruments.
    public var instrumentCount: Int { instruments.count }

    /// Reads a description back; nil where the bytes are none.
    init?(_ bytes: [UInt8]) {
        // Its caller names the segment; what is wrong with bytes of another version tells nobody anything.
        guard let description = try? JSONDecoder().decode(RunDescription.self, from: Data(bytes)) else { return nil }
        self = description
    }

    /// The description as bytes, equal for equal descriptions.
    public var bytes: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        do { return Array(try encoder.encode(self)) } catch {
            preconditionFailure("texts and numbers can be encoded: \(error)")
        }
    }

    /// The run's instruments and strategies; nil where a name or number is none of this version's.
    var catalog: MarketCatalog? { Self.catalog(instruments, strategies) }

    /// The same with the former ones: what the numbers in decisions on record mean.
    public var signalCatalog: MarketCatalog? { Self.catalog(namedInstruments, namedStrategies) }

    /// All that have a number, in their order.
    var namedInstruments: [Instrument] { instruments + (formerInstruments ?? []) }
    /// The same.
    var namedStrategies: [Strategy] { strategies + (formerStrategies ?? []) }

    private static func catalog(_ instruments: [Instrument], _ strategies: [Strategy]) -> MarketCatalog? {
        var specifications: [InstrumentSpecification] = []
        for instrument in instruments {
            let decimals = 0...InstrumentSpecification.mostDecimals
            guard let exchange = Exchange(rawValue: instrument.exchange), decimals ~= instrument.priceDecimals,
                decimals ~= instrument.quantityDecimals,
                let source = RecordKind(rawValue: instrument.averageSource)
            else { return nil }
            specifications.append(
                InstrumentSpecification(
                    instrument: TradingModel.Instrument(exchange: exchange, symbol: instrument.symbol),
                    priceDecimals: instrument.priceDecimals, quantityDecimals: instrument.quantityDecimals,
                    averageSource: source))
        }
        // One that this version refuses is missing from the count below.
        let parameters = strategies.compactMap {
            try? SMACrossoverParameters(shortPeriod: $0.shortPeriod, longPeriod: $0.longPeriod)
        }
        guard parameters.count == strategies.count, !parameters.isEmpty else { return nil }
        return MarketCatalog(instruments: specifications, strategies: parameters)
    }

    /// A replay of the feed with that index; nil where the description does not fit this version.
    func replay(ofFeed index: Int, catalog: MarketCatalog) -> FeedReplay? {
        guard feeds.indices.contains(index), let exchange = Exchange(rawValue: feeds[index].exchange) else {
            return nil
        }
        // As with the strategies.
        let streams = feeds[index].streams.compactMap { try? StreamName(parsing: $0[...]) }
        guard streams.count == feeds[index].streams.count else { return nil }
        return FeedReplay(
            catalog: catalog, exchange: exchange, streams: streams, feed: UInt16(index),
            mostMessageBytes: feeds[index].mostMessageBytes, mostSlots: feeds[index].mostSlots)
    }

    /// For each of our instruments and strategies its index in `other`, nil where it is none of it or means something else.
    public func indices(in other: RunDescription) -> (instruments: [Int?], strategies: [Int?]) {
        (
            instruments.map { other.instruments.firstIndex(of: $0) },
            strategies.map { other.strategies.firstIndex(of: $0) }
        )
    }

    /// The same run with a name for each instrument and strategy of `decisions` that it does not have: they are `earlier`'s, by
    /// whose numbers the decisions go.
    public func naming(_ decisions: [Decision], of earlier: RunDescription) -> RunDescription {
        naming(
            Set(decisions.map { Int($0.instrument) }).sorted().map { earlier.instruments[$0] },
            Set(decisions.map { Int($0.strategy) }).sorted().map { earlier.strategies[$0] })
    }

    /// The same run with a name for each instrument and strategy of `earlier` runs that it does not have.
    public func naming(_ earlier: [RunDescription]) -> RunDescription {
        naming(earlier.flatMap(\.instruments), earlier.flatMap(\.strategies))
    }

    private func naming(_ instruments: [Instrument], _ strategies: [Strategy]) -> RunDescription {
        func behind<Name: Hashable>(_ named: [Name], _ names: [Name]) -> [Name] {
            var known = Set(named)
            return names.filter { known.insert($0).inserted }
        }
        let newInstruments = behind(namedInstruments, instruments)
        let newStrategies = behind(namedStrategies, strategies)
        var naming = self
        if !newInstruments.isEmpty { naming.formerInstruments = (formerInstruments ?? []) + newInstruments }
        if !newStrategies.isEmpty { naming.formerStrategies = (formerStrategies ?? []) + newStrategies }
        return naming
    }

    /// `decisions` of `earlier` by our numbers (`signalCatalog`). One that we have no name for is our own mistake and traps.
    public func renumbered(_ decisions: [Decision], of earlier: RunDescription) -> [Decision] {
        let numbers = RecordNumbers(of: earlier, in: self)
        return decisions.map(numbers.renumbered)
    }

    /// Whether both decide the same of the same input, by the same numbers.
    func decidesLike(_ other: RunDescription?) -> Bool {
        guard var other else { return false }
        (other.formerInstruments, other.formerStrategies) = (formerInstruments, formerStrategies)
        other.isPublished = isPublished
        return self == other
    }
}
