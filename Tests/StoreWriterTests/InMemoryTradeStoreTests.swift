import TestSupport
import Testing

/// The fake keeps the same contract as the real stores, so what is proved with it holds for them.
@Suite struct InMemoryTradeStoreTests {
    @Test func `keeps the store's contract`() throws {
        var store = InMemoryTradeStore(InMemoryTradeStore.Contents())
        try TradeStoreContract.check(&store)
    }
}
