import TestSupport
import Testing
import TradingModel

@testable import MongoStore

/// Calls whose answer is lost at any byte: nobody knows whether they took effect, and repeated they say so.
@Suite(.serialized, .enabled(if: MongoServer.shouldRun, "run scripts/fetch-mongod for a mongod"))
struct LostReplyTests {
    /// A call, told apart by a number so that each is a first one.
    private struct Call: Sendable {
        let name: String
        /// What its request is told by.
        let collection: String
        let prepare: @Sendable (inout MongoOrderStore, UInt64) throws -> Void
        let make: @Sendable (inout MongoOrderStore, UInt64) throws -> String
        /// What the first call and, after an answer that was lost, the repeated one may say.
        let first: String
        let repeated: String
    }

    private static let calls: [Call] = [
        Call(
            name: "insert", collection: "orders", prepare: { _, _ in },
            make: { store, number in
                let order = SampleTrading.order(number)
                switch try store.insert(order) {
                case .inserted: return "inserted"
                case .existing(let stored): return stored == order ? "existing" : "another"
                }
            }, first: "inserted", repeated: "existing"),
        Call(
            name: "update", collection: "orders",
            prepare: { store, number in _ = try store.insert(SampleTrading.order(number)) },
            make: { "\(try $0.update(SampleTrading.next(SampleTrading.order($1), .submitting)))" }, first: "true",
            repeated: "true"),
        Call(
            name: "record", collection: "signal_outcomes", prepare: { _, _ in },
            make: { "\(try $0.record(SampleTrading.outcome($1)))" },
            first: "true", repeated: "false"),
        Call(
            name: "append", collection: "paper_log", prepare: { _, _ in },
            make: { store, number in
                let record = SampleTrading.acceptance(number, of: SampleTrading.order(number))
                let result = try store.append(record, account: "a")
                let stored = try store.records(behind: number - 1, account: "a", most: 1)
                return stored == [record] ? "\(result)" : "not there"
            }, first: "appended", repeated: "isBehind"),
        Call(
            name: "lease", collection: "leases", prepare: { _, _ in },
            make: { store, number in
                let held = LeaseAttempt.held(TradingLease(name: "\(number)", holder: "a", token: 1))
                return try store.lease("\(number)", holder: "a", millis: 60_000) == held ? "token 1" : "other"
            }, first: "token 1", repeated: "token 1"),
    ]

    private func store(_ port: Int, retries: Bool) throws -> MongoOrderStore {
        // The set's own address would lead past the proxy.
        let uri = "mongodb://127.0.0.1:\(port)/?directConnection=true&retryWrites=\(retries)"
        return try MongoOrderStore(settings: MongoStoreSettings(uri: uri))
    }

    /// Leases are no writes that the driver sends again.
    @Test(
        arguments: Self.calls.map { ($0.name, false) }
            + Self.calls.filter { $0.collection != "leases" }.map { ($0.name, true) })
    func `a call whose reply is cut at any byte is done once, and says so when repeated`(
        name: String, retries: Bool
    ) async throws {
        let call = try #require(Self.calls.first { $0.name == name })
        let server = try MongoServer()
        defer { server.remove() }
        try await server.start()
        let proxy = ReplyCutProxy(target: server.port)
        defer { proxy.stop() }
        var direct = try store(server.port, retries: false)
        try direct.prepareTrading()
        try direct.preparePaper()
        try call.prepare(&direct, 1)
        var uncut = try store(proxy.port, retries: retries)
        proxy.arm(call.collection, replyBytes: .max)
        #expect(try call.make(&uncut, 1) == call.first)
        let total = try #require(proxy.passedBytes > 100 ? proxy.passedBytes : nil)
        // The driver waits for its monitor before it sends again, so that every byte would take long.
        let positions = Array(stride(from: 0, to: total, by: retries ? 16 : 1))
        let port = server.port
        let cuts = try await withThrowingTaskGroup(of: Int.self) { group in
            var cuts = 0
            for (index, position) in positions.enumerated() {
                if index >= Self.cutsAtOnce, let made = try await group.next() { cuts += made }
                group.addTask {
                    try await onThread {
                        try self.cut(call, UInt64(index + 2), at: position, retries: retries, target: port)
                    }
                }
            }
            for try await made in group { cuts += made }
            return cuts
        }
        #expect(cuts == positions.count)
        print(
            "figure: \(name), \(retries ? "repeated by the driver" : "not repeated by the driver"):",
            "\(cuts) cuts in a reply of \(total) bytes, lost 0, doubled 0")
    }

    /// Cuts running at once; each has a proxy and stores of its own.
    private static let cutsAtOnce = 16

    /// Makes the call with a cut at a byte of its reply, then again without; the cuts made.
    private func cut(_ call: Call, _ number: UInt64, at position: Int, retries: Bool, target: Int) throws -> Int {
        let proxy = ReplyCutProxy(target: target)
        defer { proxy.stop() }
        var direct = try store(target, retries: false)
        try call.prepare(&direct, number)
        var cut = try store(proxy.port, retries: retries)
        proxy.arm(call.collection, replyBytes: position)
        do {
            // Only a repetition of the driver's own tells; it may be given up where many are cut at once.
            #expect(try call.make(&cut, number) == call.first && retries, "cut at byte \(position)")
        } catch TradeStoreError.unavailable {}
        #expect(try call.make(&direct, number) == call.repeated, "cut at byte \(position)")
        return proxy.cuts
    }
}
