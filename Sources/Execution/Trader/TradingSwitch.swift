internal import Synchronization
package import TradingModel

/// Where another thread asks for a trading mode, and reads the one in force: the HTTP listener's end of the trader. Any thread.
package final class TradingSwitch: Sendable {
    private struct State {
        var wanted: TradingState?
        var current: TradingState?
    }

    private let state = Mutex(State())

    /// A switch nobody has touched.
    package init() {}

    /// Asks for a mode. The trader stores it, then obeys it, within its next look at everything; of two requests before that
    /// the stricter one counts.
    package func request(_ wanted: TradingState) {
        state.withLock { state in
            if let other = state.wanted, other.mode.strictness > wanted.mode.strictness { return }
            state.wanted = wanted
        }
    }

    /// The mode in force; nil before the trader has read it.
    package var current: TradingState? { state.withLock { $0.current } }

    func takeRequest() -> TradingState? {
        state.withLock { state in
            defer { state.wanted = nil }
            return state.wanted
        }
    }

    func show(_ current: TradingState) { state.withLock { $0.current = current } }
}

extension TradingMode {
    /// A stricter mode allows less.
    var strictness: Int {
        switch self {
        case .active: 0
        case .reduceOnly: 1
        case .halted: 2
        }
    }
}
