internal import TradingModel

/// By which numbers the instruments and strategies of an earlier run go in a run that has a name for them.
struct RecordNumbers: Sendable {
    private let instruments: [Int?]
    private let strategies: [Int?]

    /// Numbers of `earlier` in `names` (`RunDescription.signalCatalog`). O(names of both).
    init(of earlier: RunDescription, in names: RunDescription) {
        func numbers<Name: Hashable>(_ earlier: [Name], in names: [Name]) -> [Int?] {
            let byName = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
            return earlier.map { byName[$0] }
        }
        instruments = numbers(earlier.instruments, in: names.namedInstruments)
        strategies = numbers(earlier.strategies, in: names.namedStrategies)
    }

    /// The decision by the other run's numbers. One that has no name there is our own mistake and traps.
    func renumbered(_ decision: Decision) -> Decision {
        var renumbered = decision
        renumbered.instrument = instrument(decision.instrument)
        renumbered.strategy = strategy(decision.strategy)
        return renumbered
    }

    /// The same of a slot as the engine records it for the store, whatever it is a part of.
    func renumbered(_ slot: Tick) -> Tick {
        var renumbered = slot
        switch RecordKind(rawValue: slot.kind) {
        case .session, .mark, .refillRequest, .refillEnd, nil: return slot
        case .decision:
            // Where `Decision.slots` puts it.
            renumbered.secondaryQuantity = Int64(strategy(UInt16(truncatingIfNeeded: slot.secondaryQuantity)))
        case .trade, .aggregateTrade, .quote, .gap, .decisionSums, .depth, .partialDepth, .bookLevels, .kline,
            .klineVolume:
            break
        }
        renumbered.instrument = instrument(slot.instrument)
        return renumbered
    }

    private func instrument(_ number: UInt32) -> UInt32 {
        guard let renumbered = instruments[Int(number)] else {
            preconditionFailure("a record of an instrument without a name")
        }
        return UInt32(renumbered)
    }

    private func strategy(_ number: UInt16) -> UInt16 {
        guard let renumbered = strategies[Int(number)] else {
            preconditionFailure("a decision of a strategy without a name")
        }
        return UInt16(renumbered)
    }
}
