import Foundation
import Glibc
import StoreWriter
import Synchronization
import Telemetry
import TestSupport
import Testing
import TradingModel

/// A writer at a full rate on three members of which one after the other fails.
@Suite(.serialized, .enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
struct ReplicaSetTests {

    /// What happens to a member.
    enum Fault: String, CaseIterable {
        case stepDown = "step-down"
        case killed = "primary killed"
        case stopped = "primary stopped"
        case secondaryStopped = "secondary stopped"

        /// Records a second. A hanging member keeps the others from a majority for 15 s and more, so that less is enough.
        var perSecond: UInt64 { self == .stopped ? 2_000 : 5_000 }
    }

    @Test func `members that step down, are killed or stopped lose and double nothing`() async throws {
        let set = try await MongoReplicaSet()
        defer { set.remove() }
        let run = try WriterRun(set.uri, longestBackoffMillis: nil, capacitySlots: 1 << 17)
        var next: UInt64 = 1
        for fault in Fault.allCases {
            let target = run.stored + 2_000
            try await run.publish(from: &next, perSecond: fault.perSecond) { _ in run.stored > target }
            let former = try await set.waitForPrimary().index
            let primary = NewPrimary()
            let (errors, known) = (
                run.total("tickline_store_errors_total"), run.total("tickline_store_duplicates_total")
            )
            let start = ContinuousClock.now
            async let election: Void = begin(fault, on: set, former, primary)
            var (deepest, published) = (0, Int.max)
            try await run.publish(from: &next, perSecond: fault.perSecond) { last in
                let stored = run.stored
                deepest = max(deepest, Int(last) - stored)
                if published == .max, primary.seen != nil { published = Int(last) }
                return stored >= published
            }
            let caughtUp = ContinuousClock.now
            try await election
            let able = try #require(primary.seen)
            let catchingUp = (caughtUp - able) / .seconds(1)
            #expect(goal("M3 backlog empty after the new primary, \(fault.rawValue)", catchingUp, atMost: 5, "s"))
            print(
                "figure: M3 \(fault.rawValue): a majority follows after \((able - start) / .seconds(1)) s, what was published",
                "before is stored \(catchingUp) s later, at most \(deepest) waiting, failed attempts",
                "\(run.total("tickline_store_errors_total") - errors), found there by a retry",
                "\(run.total("tickline_store_duplicates_total") - known)")
            try await end(fault, on: set, former)
        }
        #expect(run.writer.drainAndStop(timeout: .seconds(10)) == 0)
        let member = set.members[try await set.waitForPrimary().index]
        let (documents, wrong) = try compare(member, upTo: next - 1)
        #expect(documents == Int(next - 1) && wrong == 0)
        print("figure: M3 \(next - 1) written, lost \(Int(next - 1) - documents), duplicated or wrong \(wrong)")
    }

    private func begin(
        _ fault: Fault, on set: MongoReplicaSet, _ former: Int, _ primary: NewPrimary
    ) async throws {
        let start = ContinuousClock.now
        switch fault {
        case .stepDown:
            try await onThread {
                _ = try set.members[former].run(
                    #"{"replSetStepDown": 10, "secondaryCatchUpPeriodSecs": 5}"#, database: "admin")
            }
        case .killed: set.members[former].kill()
        case .stopped: set.members[former].signal(SIGSTOP)
        case .secondaryStopped:
            set.members[(former + 1) % 3].signal(SIGSTOP)
            return try await primary.see(set.waitForMajority(of: former))
        }
        let elected = try await set.waitForPrimary(otherThan: former)
        print("figure: M3 \(fault.rawValue): new primary after \((elected.at - start) / .seconds(1)) s")
        try await primary.see(set.waitForMajority(of: elected.index))
    }

    private func end(_ fault: Fault, on set: MongoReplicaSet, _ former: Int) async throws {
        switch fault {
        case .stepDown: break
        case .killed: try set.members[former].launch()
        case .stopped: set.members[former].signal(SIGCONT)
        case .secondaryStopped: set.members[(former + 1) % 3].signal(SIGCONT)
        }
        try await set.waitForMembers()
    }

    /// Reads all ticks; how many there are, and how many are not what was written under their id or are there twice.
    private func compare(_ server: MongoServer, upTo last: UInt64) throws -> (documents: Int, wrong: Int) {
        var (seen, wrong, after) = (Set<UInt64>(), 0, "")
        while true {
            let page = try server.find("ticks", #"{"_id": {"$gt": "\#(after)"}}"#, sort: #"{"_id": 1}"#, most: 5_000)
            guard let id = page.last?["_id"] as? String else { return (seen.count, wrong) }
            after = id
            for document in page {
                let number = UInt64((document["tickId"] as? [String: String])?["$numberLong"] ?? "") ?? 0
                let time = (document["eventTimeNanos"] as? [String: String])?["$numberLong"]
                let price = (document["price"] as? [String: String])?["$numberDecimal"]
                let isRight =
                    (1...last).contains(number) && document["_id"] as? String == "binance:BTCUSDT:trade:\(number)"
                    && time == "\(SampleMarket.tick(number).exchangeTimeNanos)"
                    && price.flatMap { Decimal(string: $0) } == Decimal(SampleMarket.tick(number).price) / 100
                if !seen.insert(number).inserted || !isRight { wrong += 1 }
            }
        }
    }
}

/// When the new primary was seen, from another task.
private final class NewPrimary: Sendable {
    private let instant = Mutex<ContinuousClock.Instant?>(nil)
    var seen: ContinuousClock.Instant? { instant.withLock { $0 } }
    func see(_ at: ContinuousClock.Instant) { instant.withLock { $0 = at } }
}
