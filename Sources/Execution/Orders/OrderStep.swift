package import TradingModel

/// What is to be done next about an order.
package enum OrderTask: Sendable, Equatable {
    /// Nothing until the venue says more.
    case wait
    /// Send it, under the same client order id however often.
    case submit
    /// Ask the venue where it stands.
    case query
    /// Ask the venue to cancel it.
    case cancel
    /// Nothing any more.
    case done
}

/// What a venue said that it should not have said; counted and logged, never acted on.
package enum VenueAnomaly: String, Sendable, CaseIterable {
    /// A trade id that is known came with another price or quantity: the first one counts.
    case conflictingFill = "conflicting-fill"
    /// A fill without a quantity or a price above zero, or one that brings a sum beyond 34 digits: it counts for nothing.
    case invalidFill = "invalid-fill"
    /// More is filled than was ordered; the fills count, since the position is what the venue says it is.
    case overfilled
    /// Another order id of the venue than the one known: the first one counts.
    case conflictingOrderID = "conflicting-order-id"
    /// A state that no venue reports.
    case impossibleState = "impossible-state"
    /// The venue does not know an order that it has acknowledged.
    case forgottenOrder = "forgotten-order"
}

/// What an event has done to an order.
package struct OrderStep: Sendable, Equatable {
    /// Whether the order is another than before and is to be stored before anything else is done.
    package var isChanged: Bool
    /// Executions learnt by it, each once over the order's life.
    package var newFills: [Fill]
    /// What to do then.
    package var task: OrderTask
    /// What the venue should not have said.
    package var anomalies: [VenueAnomaly]

    /// Creates a step, by default one that changed nothing.
    package init(
        isChanged: Bool = false, newFills: [Fill] = [], task: OrderTask = .wait, anomalies: [VenueAnomaly] = []
    ) {
        self.isChanged = isChanged
        self.newFills = newFills
        self.task = task
        self.anomalies = anomalies
    }
}
