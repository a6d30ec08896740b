import Testing

@testable import StoreWriter

@Suite struct BatchLimitTests {
    /// Writes full batches to a store that takes `fixed` for any batch and `each` for each slot; the limits they had.
    private func limits(fixed: UInt64, each: UInt64, batches: Int = 7) -> [Int] {
        var limit = BatchLimit(usual: 1_000, most: 4_000)
        return (0..<batches).map { _ in
            defer { limit.acknowledged(slots: limit.slots, nanos: fixed + each * UInt64(limit.slots)) }
            return limit.slots
        }
    }

    @Test func `a quick store gets usual batches`() {
        #expect(limits(fixed: 40_000_000, each: 50_000) == Array(repeating: 1_000, count: 7))
    }

    @Test func `a store that is slow for any batch gets twice as much each time, up to the most`() {
        #expect(limits(fixed: 1_000_000_000, each: 1_000) == [1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000])
    }

    @Test func `a store that is slow for each slot gets no more than one doubling`() {
        #expect(limits(fixed: 0, each: 400_000) == [1_000, 2_000, 1_000, 2_000, 1_000, 2_000, 1_000])
    }

    @Test func `a batch that was not full keeps the limit, a quick or failed one ends it`() {
        var limit = BatchLimit(usual: 1_000, most: 4_000)
        limit.acknowledged(slots: 1_000, nanos: 1_000_000_000)
        limit.acknowledged(slots: 1_500, nanos: 1_000_000_000)
        #expect(limit.slots == 2_000)
        limit.acknowledged(slots: 1_500, nanos: 50_000_000)
        #expect(limit.slots == 1_000)
        limit.acknowledged(slots: 1_000, nanos: 1_000_000_000)
        limit.reset()
        #expect(limit.slots == 1_000)
    }
}
