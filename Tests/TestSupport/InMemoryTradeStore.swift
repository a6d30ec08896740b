import Glibc
import Synchronization
import TradingModel

/// A `TradeStore` in memory that fails, refuses and dawdles as a test's script says.
public struct InMemoryTradeStore: TradeStore, ~Copyable {
    /// What it holds and how it behaves; shared with the test.
    public final class Contents: Sendable {
        private struct State {
            var identifiers: Set<String> = []
            var order: [String] = []
            var receiveTimes: [UInt64: UnixNanos] = [:]
            var books: [BookUpdate] = []
            var klines: [StoredKline] = []
            var prepareErrors: [TradeStoreError] = []
            var writeErrors: [TradeStoreError] = []
            var refusedIDs: Set<UInt64> = []
            var batchSizes: [Int] = []
            var attempts = 0
            var delayMicros: UInt32 = 0
            var isClosed = false
        }

        private let state = Mutex(State())

        /// Empty contents.
        public init() {}

        /// The errors the next `prepare` calls throw, one each.
        public func failPrepares(_ errors: [TradeStoreError]) { state.withLock { $0.prepareErrors += errors } }

        /// The errors the next `write` calls throw, one each.
        public func failWrites(_ errors: [TradeStoreError]) { state.withLock { $0.writeErrors += errors } }

        /// Ends the errors asked for.
        public func recover() {
            state.withLock { state in
                state.prepareErrors = []
                state.writeErrors = []
            }
        }

        /// Ids of ticks that are refused for good.
        public func refuse(ids: Set<UInt64>) { state.withLock { $0.refusedIDs = ids } }

        /// How long each write takes.
        public func delay(micros: UInt32) { state.withLock { $0.delayMicros = micros } }

        /// The ids of what was written, in order.
        public var identifiers: [String] { state.withLock { $0.order } }

        /// The receive time of a tick by its id.
        public func receiveTime(ofTick id: UInt64) -> UnixNanos? { state.withLock { $0.receiveTimes[id] } }

        /// The book updates that were written, in order.
        public var books: [BookUpdate] { state.withLock { $0.books } }

        /// The klines that were written, in order.
        public var klines: [StoredKline] { state.withLock { $0.klines } }

        /// The sizes of the written batches.
        public var batchSizes: [Int] { state.withLock { $0.batchSizes } }

        /// Calls of `prepare` and `write`, failed ones included.
        public var attempts: Int { state.withLock { $0.attempts } }

        /// Whether `close` was called.
        public var isClosed: Bool { state.withLock { $0.isClosed } }

        fileprivate func prepare() throws(TradeStoreError) {
            let error = state.withLock { state in
                state.attempts += 1
                return state.prepareErrors.isEmpty ? nil : state.prepareErrors.removeFirst()
            }
            if let error { throw error }
        }

        fileprivate func write(_ batch: borrowing StoreBatch) throws(TradeStoreError) -> StoreReceipt {
            let (error, delayMicros) = state.withLock { state in
                state.attempts += 1
                return (state.writeErrors.isEmpty ? nil : state.writeErrors.removeFirst(), state.delayMicros)
            }
            if delayMicros > 0 { usleep(delayMicros) }
            if let error { throw error }
            let ticks = batch.ticks
            let decisions = batch.decisions
            let gaps = batch.gaps
            let books = batch.books
            let klines = batch.klines
            let size = batch.count
            return state.withLock { state in
                var receipt = StoreReceipt()
                @discardableResult
                func add(_ identifier: String, to collection: String) -> Bool {
                    guard state.identifiers.insert(identifier).inserted else {
                        receipt.duplicates += 1
                        return false
                    }
                    state.order.append(identifier)
                    receipt.inserted[collection, default: 0] += 1
                    return true
                }
                if size > 0 { state.batchSizes.append(size) }
                for tick in ticks {
                    if state.refusedIDs.contains(tick.tick.id) {
                        receipt.refused += 1
                    } else {
                        state.receiveTimes[tick.tick.id] = tick.receiveTime
                        add(SampleMarket.catalog.identifier(of: tick.tick), to: "ticks")
                    }
                }
                for decision in decisions {
                    add(SampleMarket.catalog.identifier(of: decision), to: "trade_signals")
                }
                for gap in gaps {
                    add("gap:\(gap.gap.instrument):\(gap.gap.firstID)-\(gap.gap.lastID)", to: "gaps")
                }
                for book in books where add(SampleMarket.catalog.identifier(of: book.header), to: "depth") {
                    state.books.append(book)
                }
                for kline in klines where add(SampleMarket.catalog.identifier(of: kline.kline), to: "klines") {
                    state.klines.append(kline)
                }
                return receipt
            }
        }

        fileprivate func close() { state.withLock { $0.isClosed = true } }
    }

    private let contents: Contents

    /// A store over `contents`, with the instruments of `SampleMarket`.
    public init(_ contents: Contents) { self.contents = contents }

    /// As `Contents` says.
    public mutating func prepare() throws(TradeStoreError) { try contents.prepare() }

    /// As `Contents` says.
    public mutating func write(_ batch: borrowing StoreBatch) throws(TradeStoreError) -> StoreReceipt {
        try contents.write(batch)
    }

    /// Remembers that it was called.
    public mutating func close() { contents.close() }
}
