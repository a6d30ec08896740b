internal import TradingModel

/// An order that has not ended, with what is next to be done about it. The trader's thread.
final class OpenOrder {
    var machine: OrderStateMachine
    /// What is next.
    var task: OrderTask
    /// Nothing is done about it before, because the venue asked for a pause or is away.
    var pausedUntil: MonotonicNanos?
    /// When its silence is too long.
    var askAt: MonotonicNanos
    /// When it is cancelled for having waited too long: of a limit that the venue has.
    var timesOutAt: MonotonicNanos?
    /// Failed attempts in a row.
    var failures = 0
    /// Events of its that are counted.
    var countedEvents: Int

    init(_ machine: consuming OrderStateMachine, task: OrderTask, askAt: MonotonicNanos) {
        countedEvents = machine.order.events.count
        self.machine = machine
        self.task = task
        self.askAt = askAt
    }

    var order: Order { machine.order }

    /// What is still to be filled, with the sign of its side; nothing of one that was refused.
    var openQuantity: ExactDecimal { order.side == .buy ? machine.openQuantity : -machine.openQuantity }
}
