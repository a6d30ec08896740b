import TestSupport
import Testing
import TradingModel

@Suite struct InMemoryOrderStoreTests {
    @Test func `keeps the order store's contract`() throws {
        let contents = InMemoryOrderStore.Contents()
        var one = InMemoryOrderStore(contents)
        var two = InMemoryOrderStore(contents)
        try OrderStoreContract.check(&one, &two)
    }

    @Test func `keeps the paper log's contract`() throws {
        let contents = InMemoryOrderStore.Contents()
        var one = InMemoryOrderStore(contents)
        var two = InMemoryOrderStore(contents)
        try PaperOrderLogContract.check(&one, &two)
    }

    @Test func `fails before and after its effect, as planned`() throws {
        let contents = InMemoryOrderStore.Contents()
        var store = InMemoryOrderStore(contents)
        let order = SampleTrading.order(1)
        contents.plan([.fails(.unavailable("away")), .losesAnswer, nil])
        #expect(throws: TradeStoreError.unavailable("away")) { _ = try store.insert(order) }
        #expect(contents.orders == [])
        #expect(throws: TradeStoreError.self) { _ = try store.insert(order) }
        #expect(contents.orders == [order])
        #expect(try store.insert(order) == .existing(order))
        #expect(contents.calls == 3)
    }
}
