import Foundation
import Glibc
import TestSupport
import Testing
import TradingModel

@testable import MongoStore

/// Three members of which one steps down or two hang, with traders on them.
@Suite(.serialized, .enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
struct TradingFailoverTests {
    private func store(_ set: MongoReplicaSet) throws -> MongoOrderStore {
        try MongoOrderStore(settings: MongoStoreSettings(uri: set.uri))
    }

    /// What a call gives once the store is available; the attempts it took.
    private func repeated<Value>(_ call: () throws -> Value) async throws -> (value: Value, attempts: Int) {
        var (value, attempts) = (Value?.none, 0)
        try await waitUntil("the store answers", timeout: .seconds(60)) {
            attempts += 1
            do { value = try call() } catch TradeStoreError.unavailable { return false }
            return true
        }
        return (try #require(value), attempts)
    }

    @Test func `a lease and its orders survive step-downs, and the token never falls`() async throws {
        let set = try await MongoReplicaSet()
        defer { set.remove() }
        var one = try store(set)
        var two = try store(set)
        try one.prepareTrading()
        var (tokens, attempts, orders): ([UInt64], Int, [Order]) = ([], 0, [])
        for round in 1...3 {
            let former = try await set.waitForPrimary().index
            // The lease is renewed and orders are stored until another primary has taken some.
            let stepDown = Task {
                try await onThread {
                    _ = try set.members[former].run(
                        #"{"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 5}"#, database: "admin")
                }
                return try await set.waitForPrimary(otherThan: former).index
            }
            for number in 1...200 {
                let lease = try await repeated { try one.lease("s", holder: "a", millis: 60_000) }
                guard case .held(let held) = lease.value else {
                    Issue.record("the lease was lost: \(lease.value)")
                    return
                }
                tokens.append(held.token)
                let order = SampleTrading.order(UInt64(round * 1_000 + number))
                let insertion = try await repeated { try one.insert(order) }
                #expect(insertion.value == .inserted || insertion.value == .existing(order))
                let next = SampleTrading.next(order, .submitting)
                let update = try await repeated { try one.update(next) }
                #expect(update.value, "an update that may be stored already is a success")
                orders.append(next)
                attempts += lease.attempts + insertion.attempts + update.attempts - 3
            }
            #expect(try await stepDown.value != former)
            try await set.waitForMembers()
            let other = try await repeated { try two.lease("s", holder: "b", millis: 1) }
            #expect(other.value == .heldByOther("a"))
        }
        #expect(Set(tokens) == [1])
        let open = try await repeated { try two.openOrders() }
        #expect(open.value == orders)
        try one.release(TradingLease(name: "s", holder: "a", token: 1))
        let next = try await repeated { try two.lease("s", holder: "b", millis: 60_000) }
        #expect(next.value == .held(TradingLease(name: "s", holder: "b", token: 2)))
        print(
            "figure: 3 step-downs, \(orders.count) orders of two writes and \(tokens.count) renewals: \(attempts) calls",
            "repeated, lost \(orders.count - open.value.count), doubled 0, tokens \(tokens.first ?? 0) to 2")
    }

    @Test func `nothing is told to be stored, or to be there already, without a majority`() async throws {
        let set = try await MongoReplicaSet()
        defer { set.remove() }
        var store = try store(set)
        try store.prepareTrading()
        let order = SampleTrading.order(1)
        let primary = try await set.waitForPrimary().index
        let others = set.members.indices.filter { $0 != primary }.map { set.members[$0] }
        for member in others { member.signal(SIGSTOP) }
        defer { for member in others { member.signal(SIGCONT) } }
        // Both end before the primary has noticed that it is alone: the first is there without a majority.
        for _ in 0..<2 {
            let error = try #require(throws: TradeStoreError.self) { _ = try store.insert(order) }
            guard case .unavailable = error else { throw error }
        }
        for member in others { member.signal(SIGCONT) }
        try await set.waitForMembers()
        let insertion = try await repeated { try store.insert(order) }
        print("figure: an order inserted twice without a majority, then with one: \(insertion.value == .inserted)")
        #expect(try store.openOrders() == [order])
    }
}
