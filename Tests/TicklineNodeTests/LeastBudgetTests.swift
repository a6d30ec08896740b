import Foundation
import TestSupport
import Testing

@testable import TicklineNode

/// What a run says of a journal's budget that is too small.
@Suite(.serialized) struct LeastBudgetTests {
    private let folder = try! TemporaryFolder("tickline-budget")

    private func begin(_ budgetMiB: Int, symbols: [String]) async throws -> NodeLife {
        try await NodeLife(
            folder.url.appendingPathComponent("data"), redis: nil, symbols: symbols, sizes: JournalSizes(),
            budgetMiB: budgetMiB)
    }

    @Test(arguments: [1, 8]) func `the budget that is named is enough`(count: Int) async throws {
        defer { folder.remove() }
        let symbols = (0..<count).map { "COIN\($0)USDT" }
        var words = ""
        do { try await begin(64, symbols: symbols).stop() } catch { words = "\(error)" }
        let named = try #require(words.firstMatch(of: /need at least ([0-9]+) MiB; raise --journal-budget/))
        let least = try #require(Int(named.1))
        try await begin(least, symbols: symbols).stop()
        await #expect(throws: SettingsError.self) { try await begin(least - 1, symbols: symbols).stop() }
        print("figure: \(count) streams need \(least) MiB, and no more")
    }
}
