import TradingModel

@testable import StrategyEngine

/// What must be decided of trades in the order of their ids, written anew from the rules: each average is summed afresh.
enum ReferenceDecider {
    /// A decision's content, without its times.
    struct Entry: Equatable, CustomStringConvertible {
        var tickID: UInt64
        var side: Side
        var reason: DecisionReason
        var shortSum: Int128
        var longSum: Int128
        var isSignal: Bool { reason == .cross || reason == .gap && side != .neutral }
        var description: String { "\(tickID) \(side) \(reason)" }

        init(_ decision: Decision) {
            (tickID, side, reason) = (decision.tickID, decision.side, decision.reason)
            (shortSum, longSum) = (decision.shortSum, decision.longSum)
        }

        init(_ id: UInt64, _ side: Side, _ reason: DecisionReason, _ sums: (Int128, Int128) = (0, 0)) {
            (tickID, self.side, self.reason) = (id, side, reason)
            (shortSum, longSum) = sums
        }
    }

    /// Decides on `ticks`; where an id does not follow the one before it, some never came.
    static func decisions(_ ticks: [Tick], short: Int, long: Int) -> [Entry] {
        var entries: [Entry] = []
        var (start, signBeforeGap, sign): (Int, Int?, Int?) = (0, nil, nil)
        var hasGap = false
        for (index, tick) in ticks.enumerated() {
            if index > 0, ticks[index - 1].id + 1 != tick.id {
                (start, hasGap) = (index, true)
                (signBeforeGap, sign) = (sign ?? signBeforeGap, nil)
            }
            func note(_ entry: Entry, always: Bool = false) {
                let last = entries.last
                if always || last?.side != entry.side || last?.reason != entry.reason { entries.append(entry) }
            }
            guard index - start + 1 >= long else {
                note(Entry(tick.id, .neutral, hasGap ? .gap : .warming))
                continue
            }
            func sum(_ count: Int) -> Int128 { ticks[(index - count + 1)...index].reduce(0) { $0 + Int128($1.price) } }
            let sums = (sum(short), sum(long))
            let difference = sums.0 * Int128(long) - sums.1 * Int128(short)
            guard difference != 0 else {
                note(Entry(tick.id, .neutral, .tie, sums))
                continue
            }
            let (now, side): (Int, Side) = difference > 0 ? (1, .buy) : (-1, .sell)
            if let sign, sign != now {
                note(Entry(tick.id, side, .cross, sums), always: true)
            } else if sign == nil, let signBeforeGap, signBeforeGap != now {
                note(Entry(tick.id, side, .gap, sums), always: true)
            } else if entries.last?.side != side {
                note(Entry(tick.id, side, .state, sums), always: true)
            }
            sign = now
            signBeforeGap = nil
        }
        return entries
    }
}
