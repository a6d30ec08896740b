internal import StrategyEngine
internal import TradingModel

extension DecisionCore {
    /// Takes one slot and then what is due because of it; `signal` is called for each signal, in order.
    mutating func play(_ slot: Tick, _ signal: (Decision) -> Void) {
        _ = process(slot)
        forEachSignal(signal)
        releaseDue(signal)
    }

    /// Releases what is due, which happens before anything else, as in the engine.
    mutating func releaseDue(_ signal: (Decision) -> Void) {
        while hasDue {
            _ = releaseNext()
            forEachSignal(signal)
        }
    }
}
