package import TradingModel

/// Why a step of the paper venue was not taken.
private enum PaperFailure: Error {
    case store(TradeStoreError)
    case fenced(UInt64)
}

/// A venue on paper: it takes orders, executes them by a `FillModel` and knows nothing that is not in its log.
///
/// Its state is a fold of the log, which survives the trader and whoever trades after it. Each step appends one record under the
/// next sequence: where another trader has appended before, this one reads on, finds the higher token of a fence, if there is
/// one, and stops. Used by one thread; calls block for the log's writes. O(open orders) per call; the first call reads the whole log.
package struct PaperVenue<Log: PaperOrderLog & ~Copyable>: ExecutionVenue, ~Copyable {
    /// How many records are read at a time.
    private static var pageRecords: Int { 1_000 }
    /// How often a step is tried anew behind another's records; two traders of one stream are never many steps apart.
    private static var mostAttempts: Int { 100 }

    private var log: Log
    private let account: String
    private let model: FillModel
    private let instruments: [Instrument: TradingRules]
    private let board: QuoteBoard
    private let now: @Sendable () -> UnixNanos

    private var sequence: UInt64 = 0
    private var highestToken: UInt64 = 0
    /// Orders that have not ended, or whose end `reports` has yet to tell, by client order id.
    private var orders: [String: PaperOrder] = [:]
    private var isLoaded = false
    /// Whether the log may hold more than was read, since an answer was lost.
    private var isUnsure = false
    /// What the log has gained since `reports` was last asked.
    private var untold: [OrderReport] = []
    /// How much of an instrument's newest quote has been taken, by side.
    private var taken: [OrderSide: [Instrument: (number: UInt64, quantity: ExactDecimal)]] = [:]

    /// A venue over `log`, whose records of `account` are its own; `now` is the wall clock.
    package init(
        log: consuming Log, account: String, model: FillModel, instruments: [Instrument: TradingRules],
        board: QuoteBoard, now: @escaping @Sendable () -> UnixNanos
    ) {
        self.log = log
        self.account = account
        self.model = model
        self.instruments = instruments
        self.board = board
        self.now = now
    }

    package func rules(of instrument: Instrument) -> TradingRules? { instruments[instrument] }

    package func quote(of instrument: Instrument) -> Quote? { board.entry(of: instrument)?.quote }

    package mutating func close() {}

    package mutating func fence(token: UInt64) throws(VenueError) {
        do throws(PaperFailure) {
            try step(token: token) { venue in
                venue.highestToken < token ? venue.record(.fence, of: "", token: token) : nil
            }
        } catch { throw VenueError(error, isRequest: false) }
    }

    package mutating func submit(_ request: OrderRequest, token: UInt64) throws(VenueError) -> OrderReport {
        guard let rules = instruments[request.instrument] else { throw .rejected("unknown symbol") }
        if let refusal = TradingRulesCheck.refusal(
            quantity: request.quantity, type: request.type, referencePrice: request.referencePrice, rules: rules)
        {
            throw .rejected(refusal.rawValue)
        }
        let id = request.clientOrderID
        do throws(PaperFailure) {
            try step(token: token) { venue in
                venue.orders[id] == nil ? venue.record(.accept, of: id, request: request, token: token) : nil
            }
            try execute(id, token: token)
            guard let report = try report(of: id) else { throw .store(.unavailable("the order is not in the log yet")) }
            return report
        } catch { throw VenueError(error, isRequest: true) }
    }

    package mutating func cancel(
        _ clientOrderID: String, of instrument: Instrument, token: UInt64
    ) throws(VenueError) -> OrderReport {
        do throws(PaperFailure) {
            try step(token: token) { venue in
                guard let order = venue.orders[clientOrderID], !order.state.isTerminal else { return nil }
                return venue.record(.cancel, of: clientOrderID, token: token)
            }
            if let report = try report(of: clientOrderID) { return report }
        } catch { throw VenueError(error, isRequest: true) }
        throw .rejected("no such order")
    }

    package mutating func query(_ clientOrderID: String, of instrument: Instrument) throws(VenueError) -> OrderReport? {
        do throws(TradeStoreError) {
            return PaperOrder(try log.records(of: clientOrderID, account: account))?.report
        } catch { throw VenueError(.store(error), isRequest: false) }
    }

    package mutating func reports(token: UInt64) throws(VenueError) -> [OrderReport] {
        do throws(PaperFailure) {
            try readWhereUnsure()
            for order in orders.values.sorted(by: { $0.sequence < $1.sequence }) {
                try execute(order.request.clientOrderID, token: token)
            }
        } catch { throw VenueError(error, isRequest: false) }
        defer {
            untold = []
            orders = orders.filter { !$0.value.state.isTerminal }
        }
        return untold
    }
}

extension PaperVenue where Log: ~Copyable {
    /// Appends the record that `make` wants, and folds it in; nothing where it wants none, which it is asked anew whenever
    /// another's records have been read. An order that the log knows already is no failure.
    @discardableResult
    private mutating func step(
        token: UInt64, _ make: (borrowing PaperVenue) -> PaperRecord?
    ) throws(PaperFailure) -> Bool {
        try readWhereUnsure()
        for _ in 0..<Self.mostAttempts {
            guard highestToken <= token else { throw .fenced(highestToken) }
            guard let record = make(self) else { return false }
            let append: PaperAppend
            do throws(TradeStoreError) { append = try log.append(record, account: account) } catch {
                isUnsure = true
                throw .store(error)
            }
            switch append {
            case .appended:
                fold(record)
                return true
            case .isKnown:
                try readOn()
                return false
            case .isBehind: try readOn()
            }
        }
        throw .store(.unavailable("the paper venue's log is written by others faster than it is read"))
    }

    /// Executes as much of an order as can be now.
    private mutating func execute(_ id: String, token: UInt64) throws(PaperFailure) {
        var execution: Execution?
        let isAppended = try step(token: token) { venue in
            execution = venue.orders[id].flatMap { venue.execution(of: $0, now: venue.now()) }
            return execution.map { venue.record(.fill, of: id, fill: $0.fill, token: token) }
        }
        guard isAppended, let execution, let number = execution.quoteNumber, let order = orders[id] else { return }
        let (side, instrument) = (order.request.side, order.request.instrument)
        let before = taken[side]?[instrument].flatMap { $0.number == number ? $0.quantity : nil } ?? .zero
        taken[side, default: [:]][instrument] = (number, before.adding(execution.fill.quantity) ?? before)
    }

    private struct Execution {
        var fill: Fill
        /// The quote that it takes from; nil where it takes from none.
        var quoteNumber: UInt64?
    }

    /// What can be executed of an order now; nil for nothing.
    private borrowing func execution(of order: PaperOrder, now: UnixNanos) -> Execution? {
        let request = order.request
        guard !order.state.isTerminal, let rules = instruments[request.instrument],
            model.dueTime(of: request.clientOrderID, acceptedAt: order.acceptedTime) <= now
        else { return nil }
        var (base, quantity, number) = (request.referencePrice, order.rest, UInt64?.none)
        if case .quote(let terms) = model.source {
            guard let entry = board.entry(of: request.instrument), terms.isFresh(entry.quote, at: now) else {
                return nil
            }
            let isBuy = request.side == .buy
            base = isBuy ? entry.quote.askPrice : entry.quote.bidPrice
            let offered = isBuy ? entry.quote.askQuantity : entry.quote.bidQuantity
            let before = taken[request.side]?[request.instrument].flatMap {
                $0.number == entry.number ? $0.quantity : nil
            }
            guard let left = offered.subtracting(before ?? .zero),
                let most = left.rounded(toMultipleOf: rules.quantityStep)
            else { return nil }
            (quantity, number) = (min(quantity, most), entry.number)
        }
        guard quantity > .zero, let price = model.price(of: request, base: base, rules: rules),
            let fee = model.fee(price: price, quantity: quantity)
        else { return nil }
        let fill = Fill(
            tradeID: "\(account)-\(sequence + 1)", price: price, quantity: quantity, fee: fee,
            feeAsset: rules.quoteAsset, time: now)
        return Execution(fill: fill, quoteNumber: number)
    }

    /// The next record of the log, as far as it has been read.
    private borrowing func record(
        _ kind: PaperRecord.Kind, of clientOrderID: String, request: OrderRequest? = nil, fill: Fill? = nil,
        token: UInt64
    ) -> PaperRecord {
        PaperRecord(
            sequence: sequence + 1, kind: kind, token: token, clientOrderID: clientOrderID, request: request,
            fill: fill,
            time: fill?.time ?? now())
    }

    /// Where an order stands; nil where the log has never had it.
    private mutating func report(of id: String) throws(PaperFailure) -> OrderReport? {
        if let order = orders[id] { return order.report }
        do throws(TradeStoreError) { return PaperOrder(try log.records(of: id, account: account))?.report } catch {
            throw .store(error)
        }
    }

    private mutating func readWhereUnsure() throws(PaperFailure) {
        guard !isLoaded || isUnsure else { return }
        if !isLoaded {
            do throws(TradeStoreError) { try log.preparePaper() } catch { throw .store(error) }
        }
        try readOn()
    }

    private mutating func readOn() throws(PaperFailure) {
        while true {
            let page: [PaperRecord]
            do throws(TradeStoreError) {
                page = try log.records(behind: sequence, account: account, most: Self.pageRecords)
            } catch { throw .store(error) }
            for record in page { fold(record) }
            guard page.count == Self.pageRecords else { break }
        }
        isLoaded = true
        isUnsure = false
    }

    /// Takes the next record in; what it changes of an order is told by `reports`, unless it is from before this venue's time.
    private mutating func fold(_ record: PaperRecord) {
        sequence = record.sequence
        highestToken = max(highestToken, record.token)
        let id = record.clientOrderID
        if let order = PaperOrder(accepted: record) {
            orders[id] = order
        } else if orders[id] != nil {
            orders[id]?.fold(record)
            if isLoaded, let report = orders[id]?.report { untold.append(report) }
            if !isLoaded, orders[id]?.state.isTerminal == true { orders[id] = nil }
        }
    }
}

extension FillModel.QuoteTerms {
    /// Whether a quote is new enough to fill against; one from after now was received while the clock was being set.
    fileprivate func isFresh(_ quote: Quote, at now: UnixNanos) -> Bool {
        let (age, overflow) = now.rawValue.subtractingReportingOverflow(quote.receiveTime.rawValue)
        return !overflow && age <= Int64(mostQuoteAgeMillis) * 1_000_000
    }
}

extension VenueError {
    /// A request that the log did not answer may have taken effect; anything else is just made again.
    fileprivate init(_ failure: PaperFailure, isRequest: Bool) {
        self =
            switch failure {
            case .fenced(let highest): .fenced(highest: highest)
            case .store(.unavailable(let reason)) where isRequest: .unknownOutcome(reason)
            case .store(let error): .unavailable("\(error)")
            }
    }
}
