import Synchronization
import TradingModel

/// A paper venue's log in memory, which several venues share and which fails as a test's script says.
struct InMemoryPaperLog: PaperOrderLog {
    /// What an append is to come to.
    enum Fault {
        /// Nothing is written.
        case before
        /// It is written, and the answer is lost.
        case after
    }

    final class Contents: Sendable {
        struct State {
            var records: [PaperRecord] = []
            var faults: [Fault?] = []
            var isDown = false
        }

        let state = Mutex(State())

        var records: [PaperRecord] { state.withLock { $0.records } }
        /// What the next appends come to, one each; nil for success.
        func fail(_ faults: Fault?...) { state.withLock { $0.faults = faults } }
        func setDown(_ isDown: Bool) { state.withLock { $0.isDown = isDown } }
    }

    let contents: Contents

    mutating func preparePaper() throws(TradeStoreError) {}

    mutating func append(_ record: PaperRecord, account: String) throws(TradeStoreError) -> PaperAppend {
        let result = contents.state.withLock { state -> PaperAppend? in
            let fault = state.faults.isEmpty ? nil : state.faults.removeFirst()
            if state.isDown || fault == .before { return nil }
            if record.kind == .accept,
                state.records.contains(where: { $0.kind == .accept && $0.clientOrderID == record.clientOrderID })
            {
                return .isKnown
            }
            guard record.sequence == UInt64(state.records.count) + 1 else { return .isBehind }
            state.records.append(record)
            return fault == nil ? .appended : nil
        }
        guard let result else { throw .unavailable("scripted") }
        return result
    }

    mutating func records(
        behind sequence: UInt64, account: String, most: Int
    ) throws(TradeStoreError) -> [PaperRecord] {
        try read { $0.filter { $0.sequence > sequence }.prefix(most) }
    }

    mutating func records(of clientOrderID: String, account: String) throws(TradeStoreError) -> [PaperRecord] {
        try read { $0.filter { $0.clientOrderID == clientOrderID }[...] }
    }

    private func read(
        _ body: ([PaperRecord]) -> ArraySlice<PaperRecord>
    ) throws(TradeStoreError) -> [PaperRecord] {
        let records = contents.state.withLock { $0.isDown ? nil : Array(body($0.records)) }
        guard let records else { throw .unavailable("scripted") }
        return records
    }
}
