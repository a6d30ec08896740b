import Foundation
import TestSupport
import Testing
import TradingModel

/// Two traders of one stream: one holds the lease and trades, the other stands by and takes over.
@Suite(.serialized, .timeLimit(.minutes(10)), .enabled(if: MongoServer.shouldRun))
struct StandbyTraderTests {
    private let folder = try! TemporaryFolder("tickline-standby")
    @Test func `the standby takes over within three seconds of a kill, and no order is lost or doubled`() async throws {
        defer { folder.remove() }
        let kills = 4
        let desk = try await TraderDesk(turns: kills, folder: folder.url)
        defer { desk.mongo.remove() }
        var (holder, seconds) = (try await desk.start("trader0"), [Double]())
        for number in 1...kills {
            let standby = try await desk.start("trader\(number)")
            try await standsBy(standby)
            try await desk.beginTurn()
            let before = Self.wallClock()
            holder.process.stop(SIGKILL)
            let dead = Self.wallClock()
            #expect(try desk.outcomes() < desk.published, "the kill came behind all signals")
            var first: Int64?
            try await waitUntil("an order of the standby: \(standby.process.output.suffix(400))") {
                first = try desk.firstAcceptance(after: dead)
                return first != nil
            }
            seconds.append(Double(first! - before) / 1e9)
            holder = standby
        }
        let end = try await desk.finish([holder])
        seconds.sort()
        print(
            "figure: from the SIGKILL of the lease's holder to the standby's first order at the venue: "
                + seconds.map { String(format: "%.3f", $0) }.joined(separator: ", ") + " s")
        #expect(
            goal("takeover by the standby trader after a SIGKILL, longest of \(kills)", seconds.last!, atMost: 3, "s"))
        #expect(goal("orders lost, takeover by the standby trader", end.lost, atMost: 0))
        #expect(goal("orders doubled, takeover by the standby trader", end.doubled, atMost: 0))
    }

    @Test func `a trader that wakes up after its lease has lapsed does nothing twice and stands by`() async throws {
        defer { folder.remove() }
        // At other moments of an order's life each time.
        let stalls = 6
        let desk = try await TraderDesk(turns: stalls, folder: folder.url)
        defer { desk.mongo.remove() }
        var (holder, standby) = (try await desk.start("trader0"), try await desk.start("trader1"))
        try await standsBy(standby)
        for _ in 1...stalls {
            try await desk.beginTurn()
            holder.process.signal(SIGSTOP)
            let stalled = Self.wallClock()
            #expect(try desk.outcomes() < desk.published, "the stall came behind all signals")
            try await waitUntil("the standby trades: \(standby.process.output.suffix(400))") {
                try desk.firstAcceptance(after: stalled + 1_000_000_000) != nil
            }
            let losses = Self.losses(holder)
            holder.process.signal(SIGCONT)
            try await waitUntil("it says that it lost the lease: \(holder.process.output.suffix(400))") {
                Self.losses(holder) > losses
            }
            try await standsBy(holder)
            #expect(holder.metric("tickline_trader_active") == 0 && standby.metric("tickline_trader_active") == 1)
            swap(&holder, &standby)
        }
        let end = try await desk.finish([holder, standby])
        print("figure: \(stalls) traders stalled past their lease: lost \(end.lost), doubled \(end.doubled)")
        #expect(goal("orders lost, traders stalled past their lease", end.lost, atMost: 0))
        #expect(goal("orders doubled, traders stalled past their lease", end.doubled, atMost: 0))
    }

    private func standsBy(_ trader: RunningTrader) async throws {
        try await waitUntil("a standby: \(trader.process.output.suffix(400))") {
            let answer = trader.request("GET", "/readyz")
            return answer.status == 200 && answer.body.contains("standing by")
        }
    }

    /// How often it has said that it does not hold the lease any more.
    private static func losses(_ trader: RunningTrader) -> Int {
        trader.process.output.split(separator: "\n").count { $0.contains("trading is interrupted") }
    }

    private static func wallClock() -> Int64 { Int64(Date().timeIntervalSince1970 * 1e9) }
}
