public import FeedHandler
import Foundation
public import StrategyEngine
public import TradingModel

/// What a run's records mean: stands in front of each checkpoint, so that a journal explains itself.
public struct RunDescription: Codable, Sendable, Equatable {
    /// One instrument, by its index.
    public struct Instrument: Codable, Sendable, Equatable {
        var exchange: String
        var symbol: String
        var priceDecimals: Int
        var quantityDecimals: Int
        var averageSource: UInt8
    }

    /// One strategy, by its index.
    public struct Strategy: Codable, Sendable, Equatable {
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

        var configuration: RefillConfiguration {
            var configuration = RefillConfiguration(
                mostRefilledIDs: mostRefilledIDs, feedsByInstrument: feedsByInstrument ?? [],
                feedPairs: feedPairs ?? 0)
            configuration.twinWaitMillis = twinWaitMillis
            return configuration
        }
    }

    var instruments: [Instrument]
    var strategies: [Strategy]
    var feeds: [Feed]
    var priceBandPercent: Int?
    var refill: Refill?

    /// Describes a run.
    ///
    /// - Parameters:
    ///   - feeds: plan and longest message of each.
    ///   - mostSlots: slots of a feed's ring.
    public init(
        catalog: MarketCatalog, feeds: [(plan: FeedPlan, mostMessageBytes: Int)], mostSlots: Int,
        priceBandPercent: Int?, refill: RefillConfiguration? = nil
    ) {
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
                feedsByInstrument: $0.feedsByInstrument, feedPairs: $0.feedPairs)
        }
    }

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
    var catalog: MarketCatalog? {
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
}
