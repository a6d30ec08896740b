import Execution
import Foundation
import Glibc
import MongoStore
import Monitoring
import SQLiteStore
import ThreadExecutor
import TradingModel

/// What is shown of a trader's store.
public enum TradingView: Sendable {
    /// The newest orders.
    case orders(limit: Int)
    /// What is held, by strategy and by account.
    case positions
    /// What it has brought.
    case profit
}

/// `tickline orders`, `positions` and `pnl`: tables of what the trader's store holds; they only read.
public enum OrdersCommand {
    private static let pageOrders = 1_000

    /// Prints a view as a table, or as JSON lines. Returns the exit status.
    public static func run(flags: [String: [String]], view: TradingView, json: Bool) async -> Int32 {
        await withStore(flags: flags, writing: false) { try print(view, from: $0, json: json) }
    }

    /// `tickline trading`: prints the trading mode, or sets it where one is given. Returns the exit status.
    public static func trading(flags: [String: [String]], mode: String?, reason: String) async -> Int32 {
        let wanted = mode.flatMap(TradingMode.init(rawValue:))
        return await withStore(
            flags: flags, writing: wanted != nil,
            checking: { () throws(SettingsError) in
                guard let mode, wanted == nil else { return }
                throw .conflict(
                    "\(mode) is no trading mode; give \(TradingMode.allCases.map(\.rawValue).joined(separator: ", "))")
            }
        ) { reader in
            guard let wanted else { return try show(reader.tradingState()) }
            let state = TradingState(mode: wanted, reason: reason, time: MonotonicClock.wallClock())
            try reader.set(state)
            try show(state)
        }
    }

    private static func show(_ state: TradingState?) throws {
        guard let state else { return try printOutput("active") }
        try printOutput("\(state.mode.rawValue)" + (state.reason.isEmpty ? "" : ": \(state.reason)"))
    }

    /// The calls of a store, whichever it is.
    private struct StoreReader {
        let orders: (OrderPosition?) throws(TradeStoreError) -> [Order]
        let tradingState: () throws(TradeStoreError) -> TradingState?
        let set: (TradingState) throws(TradeStoreError) -> Void
    }

    private static func withStore(
        flags: [String: [String]], writing: Bool, checking: () throws(SettingsError) -> Void = {},
        _ body: @escaping @Sendable (StoreReader) throws -> Void
    ) async -> Int32 {
        await exitStatus {
            try checking()
            var resolver = SettingsResolver(flags: flags, environment: ProcessInfo.processInfo.environment)
            let settings = try resolver.resolve()
            for warning in resolver.warnings { printError(warning) }
            try await offCooperativePool { Result { try use(settings, writing: writing, body) } }.get()
        }
    }

    /// Opens the store, for reading alone but for what is to be written, and lends its calls.
    private static func use(
        _ settings: Settings, writing: Bool, _ body: (StoreReader) throws -> Void
    ) throws {
        func lend<Store: OrderStore & ~Copyable>(_ store: consuming Store, at place: String, _ remedy: String) throws {
            let box = Box(store)
            defer { box.store.close() }
            do {
                if writing { try box.store.prepareTrading() } else { try box.store.prepareReading() }
                try body(reader(of: box))
            } catch let error as TradeStoreError {
                throw QueryError.unreadable(error, place: place, remedy: remedy)
            }
        }
        func reader<Store: OrderStore & ~Copyable>(of box: Box<Store>) -> StoreReader {
            StoreReader(
                orders: { place throws(TradeStoreError) in
                    try box.store.orders(behind: place, most: pageOrders)
                },
                tradingState: { () throws(TradeStoreError) in try box.store.tradingState() },
                set: { state throws(TradeStoreError) in try box.store.set(state) })
        }
        switch settings.store {
        case .mongo:
            let store: MongoOrderStore
            do { store = try MongoOrderStore(settings: TradingService.mongo(settings)) } catch {
                throw SettingsError.conflict("\(error)")
            }
            try lend(store, at: "\(TradingService.mongo(settings))", "check --mongo and that the server runs")
        case .sqlite, .none:
            let path = TraderFolder.database(in: settings.data)
            guard access(path, F_OK) == 0 else {
                throw SettingsError.conflict(
                    "no trader has kept anything at \(path); --data or --mongo names where it did")
            }
            let store: SQLiteOrderStore
            do { store = try SQLiteOrderStore(path: path) { MonotonicClock.wallClock() } } catch {
                throw SettingsError.conflict("\(error)")
            }
            try lend(store, at: path, "restore a copy or try again")
        }
    }

    private final class Box<Store: OrderStore & ~Copyable> {
        var store: Store
        init(_ store: consuming Store) { self.store = store }
    }

    private static func print(_ view: TradingView, from reader: StoreReader, json: Bool) throws {
        var (ledger, newest) = (PositionLedger(), [Order]())
        var place: OrderPosition?
        repeat {
            let page = try reader.orders(place)
            for order in page {
                for fill in order.fills { try ledger.add(fill, of: order) }
            }
            if case .orders(let limit) = view { newest = (newest + page).suffix(limit) }
            place =
                page.count == pageOrders ? page.last.map { OrderPosition(createdTime: $0.createdTime, id: $0.id) } : nil
        } while place != nil
        let table: TextTable
        switch view {
        case .orders: table = orders(newest)
        case .positions: table = positions(ledger)
        case .profit: table = profit(ledger)
        }
        for line in json ? table.jsonLines : table.lines { try printOutput(line) }
    }

    private static func date(_ time: UnixNanos?) -> String {
        time.map { time in TextCursor.text { $0.append(rfc3339: time) } } ?? ""
    }

    private static func orders(_ orders: [Order]) -> TextTable {
        var table = TextTable([
            "time", "id", "side", "quantity", "type", "price", "state", "filled", "average", "reason",
        ])
        for order in orders {
            let filled = order.filledQuantity ?? .zero
            var cost = ExactDecimal.zero
            for fill in order.fills {
                cost = fill.price.multiplied(by: fill.quantity).flatMap { cost.adding($0) } ?? cost
            }
            let average = cost.divided(by: filled, places: 10, .halfEven)
            var (type, price) = ("market", order.referencePrice)
            if case .limit(let limit, _) = order.type { (type, price) = ("limit", limit) }
            table.add([
                date(order.createdTime), order.id, order.side.rawValue, "\(order.quantity)", type, "\(price)",
                order.state.rawValue, "\(filled)", average.map { "\($0)" } ?? "", order.events.last?.reason ?? "",
            ])
        }
        return table
    }

    private static func accounts(_ ledger: PositionLedger) -> [Position] {
        Set(ledger.positions.map(\.key.instrument)).sorted { "\($0)" < "\($1)" }
            .compactMap { ledger.accountPosition(of: $0) }
    }

    private static func positions(_ ledger: PositionLedger) -> TextTable {
        var table = TextTable(["instrument", "strategy", "quantity", "cost", "average", "asset", "lastFill"])
        for position in ledger.positions + accounts(ledger) {
            let average = position.cost.divided(by: position.quantity, places: 10, .halfEven)
            table.add([
                "\(position.key.instrument)", position.key.strategy, "\(position.quantity)", "\(position.cost)",
                average.map { "\($0)" } ?? "", position.quoteAsset, date(position.lastFillTime),
            ])
        }
        return table
    }

    private static func profit(_ ledger: PositionLedger) -> TextTable {
        var table = TextTable(["instrument", "strategy", "realised", "fees", "net", "fills", "asset"])
        for position in ledger.positions + accounts(ledger) {
            let fees = position.fees[position.quoteAsset, default: .zero]
            table.add([
                "\(position.key.instrument)", position.key.strategy, "\(position.realisedProfit)", "\(fees)",
                position.realisedProfit.subtracting(fees).map { "\($0)" } ?? "", "\(position.fillCount)",
                position.quoteAsset,
            ])
        }
        return table
    }
}
