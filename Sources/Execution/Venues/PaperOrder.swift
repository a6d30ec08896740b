internal import TradingModel

/// An order at the paper venue: a fold of its records in the log.
struct PaperOrder: Sendable, Equatable {
    /// What was asked for.
    let request: OrderRequest
    /// The sequence under which it was accepted: orders are served in its order.
    let sequence: UInt64
    /// When it was accepted.
    let acceptedTime: UnixNanos
    /// Executions, oldest first.
    private(set) var fills: [Fill] = []
    /// What they come to.
    private(set) var filledQuantity = ExactDecimal.zero
    /// `submitted`, `partiallyFilled`, `filled`, `cancelled` or `expired`.
    private(set) var state = OrderState.submitted
    /// When it came to that.
    private(set) var time: UnixNanos

    /// Takes the record that accepted it; nil for any other.
    init?(accepted record: PaperRecord) {
        guard record.kind == .accept, let request = record.request else { return nil }
        self.request = request
        sequence = record.sequence
        acceptedTime = record.time
        time = record.time
    }

    /// Folds all records of an order; nil where the first is not the one that accepted it.
    init?(_ records: [PaperRecord]) {
        guard let first = records.first else { return nil }
        self.init(accepted: first)
        for record in records.dropFirst() { fold(record) }
    }

    /// What is still to be executed; zero of one that has ended.
    var rest: ExactDecimal { state.isTerminal ? .zero : request.quantity.subtracting(filledQuantity) ?? .zero }

    /// Folds the order's next record in. A record that does not fit, which this venue never writes, is passed over.
    mutating func fold(_ record: PaperRecord) {
        switch record.kind {
        case .fill:
            guard let fill = record.fill, let sum = filledQuantity.adding(fill.quantity) else { return }
            fills.append(fill)
            filledQuantity = sum
            if !state.isTerminal { state = sum >= request.quantity ? .filled : .partiallyFilled }
        case .cancel where !state.isTerminal: state = .cancelled
        case .expire where !state.isTerminal: state = .expired
        case .accept, .fence, .cancel, .expire: return
        }
        time = record.time
    }

    /// Where it stands, with all its fills.
    var report: OrderReport {
        OrderReport(
            clientOrderID: request.clientOrderID, venueOrderID: "paper-\(sequence)", state: state,
            filledQuantity: filledQuantity, fills: fills, reason: "", time: time)
    }
}
