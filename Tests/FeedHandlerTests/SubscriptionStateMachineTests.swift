import FeedHandler
import Testing
import TradingModel

@Suite struct SubscriptionStateMachineTests {
    private typealias Machine = SubscriptionStateMachine

    private static func at(_ millis: UInt64) -> MonotonicNanos { MonotonicNanos(rawValue: millis * 1_000_000) }

    private static func names(_ count: Int) -> [String] { (0..<count).map { "s\($0)@trade" } }

    private static func accepted(_ id: Int64) -> SubscriptionReply { SubscriptionReply(id: id, outcome: .accepted) }

    private static func refused(_ id: Int64?, _ message: String = "Invalid request") -> SubscriptionReply {
        SubscriptionReply(id: id, outcome: .refused(code: 2, message: message))
    }

    /// A machine of `count` streams, open since 0, of which the address names the first `inAddress`.
    private static func opened(_ count: Int, inAddress: Int) -> SubscriptionStateMachine {
        var machine = SubscriptionStateMachine(streams: names(count), streamsInAddress: inAddress)
        _ = machine.didOpen(at: at(0))
        return machine
    }

    @Test func `streams of the address are subscribed with the connection, and listed once`() {
        var machine = SubscriptionStateMachine(streams: Self.names(2), streamsInAddress: 2)
        let before = machine.advance(to: Self.at(0))
        let opened = machine.didOpen(at: Self.at(5))
        let due = machine.deadline
        let list = machine.advance(to: Self.at(5))
        let text = machine.text(of: .list(id: 1))
        let then = machine.advance(to: Self.at(5))
        let answer = machine.didReceive(
            SubscriptionReply(id: 1, outcome: .list(["s1@trade", "s0@trade", "other@trade"])), at: Self.at(6))
        let after = machine.advance(to: Self.at(100_000))
        let deadline = machine.deadline
        #expect(before == .none && opened == .subscribed(0..<2) && list == .send(.list(id: 1)) && then == .none)
        #expect(due.map { $0 <= Self.at(5) } == true && text == #"{"method":"LIST_SUBSCRIPTIONS","id":1}"#)
        #expect(answer == Machine.Action.none && after == .none && deadline == nil && machine.failed.isEmpty)
    }

    @Test func `the rest is subscribed in chunks, then everything is listed`() {
        var machine = Self.opened(403, inAddress: 2)
        var sent: [Machine.Request] = []
        var now: UInt64 = 0
        while sent.count < 4, now < 10_000 {
            switch machine.advance(to: Self.at(now)) {
            case .send(let request):
                sent.append(request)
                guard case .subscribe(let id, let streams) = request else { break }
                let answer = machine.didReceive(Self.accepted(id), at: Self.at(now))
                #expect(answer == .subscribed(streams))
            default: now += 10
            }
        }
        #expect(
            sent == [
                .subscribe(id: 1, streams: 2..<202), .subscribe(id: 2, streams: 202..<402),
                .subscribe(id: 3, streams: 402..<403), .list(id: 4),
            ])
        let text = machine.text(of: .subscribe(id: 3, streams: 400..<403))
        #expect(text == #"{"method":"SUBSCRIBE","params":["s400@trade","s401@trade","s402@trade"],"id":3}"#)
        let answer = machine.didReceive(SubscriptionReply(id: 4, outcome: .list(Self.names(403))), at: Self.at(now))
        #expect(answer == Machine.Action.none)
    }

    @Test func `no second has more than five messages, pongs included, and requests leave room for two`() {
        var generator = SeededGenerator(state: 11)
        var machine = Self.opened(1_024, inAddress: 1)
        var (requests, all): ([UInt64], [UInt64]) = ([], [])
        for now in 0..<20_000 as Range<UInt64> {
            // Pings come at random, at most two a second, as a server's do.
            if generator.next() % 500 == 0, all.suffix(2).filter({ $0 + 1_000 > now }).count < 2 {
                machine.didSendControl(at: Self.at(now))
                all.append(now)
            }
            while case .send(let request) = machine.advance(to: Self.at(now)) {
                requests.append(now)
                all.append(now)
                guard case .subscribe(let id, _) = request else { break }
                _ = machine.didReceive(Self.accepted(id), at: Self.at(now))
            }
        }
        // 1,023 streams in six requests, then the list.
        #expect(requests.count == 7)
        for (index, time) in all.enumerated() where index >= 5 { #expect(time - all[index - 5] >= 1_000) }
        for (index, time) in requests.enumerated() where index >= 3 { #expect(time - requests[index - 3] >= 1_000) }
    }

    @Test func `requests wait while pongs take all there is`() {
        var machine = Self.opened(2, inAddress: 1)
        for millis in [0, 1, 2, 3, 4] as [UInt64] { machine.didSendControl(at: Self.at(millis)) }
        let early = machine.advance(to: Self.at(1_001))
        let deadline = machine.deadline
        let request = machine.advance(to: Self.at(1_002))
        #expect(early == .none && deadline == Self.at(1_002) && request == .send(.subscribe(id: 1, streams: 1..<2)))
    }

    @Test func `a refused request names its streams and the exchange's words, and the others go on`() {
        var machine = Self.opened(450, inAddress: 0)
        for _ in 0..<3 { _ = machine.advance(to: Self.at(0)) }
        let first = machine.didReceive(Self.accepted(1), at: Self.at(1))
        let second = machine.didReceive(Self.refused(2, "Too many"), at: Self.at(1))
        let isRefused = machine.isRefused
        let third = machine.didReceive(Self.accepted(3), at: Self.at(1))
        #expect(first == .subscribed(0..<200) && third == .subscribed(400..<450) && !isRefused)
        #expect(second == .fail(.refused, streams: Array(200..<400), words: "Too many (code 2)"))
        #expect(machine.failed == Array(200..<400))
        // The list does not say again what the refusal said.
        let list = machine.advance(to: Self.at(1_000))
        let answer = machine.didReceive(
            SubscriptionReply(id: 4, outcome: .list(Self.names(200) + (400..<450).map { "s\($0)@trade" })),
            at: Self.at(1_001))
        #expect(list == .send(.list(id: 4)) && answer == Machine.Action.none)
    }

    @Test func `a refusal without an id answers the oldest request`() {
        var machine = Self.opened(400, inAddress: 0)
        for _ in 0..<2 { _ = machine.advance(to: Self.at(0)) }
        let refusal = machine.didReceive(Self.refused(nil), at: Self.at(1))
        let acceptance = machine.didReceive(SubscriptionReply(id: nil, outcome: .accepted), at: Self.at(1))
        let stranger = machine.didReceive(Self.accepted(77), at: Self.at(1))
        let answer = machine.didReceive(Self.accepted(2), at: Self.at(1))
        #expect(refusal == .fail(.refused, streams: Array(0..<200), words: "Invalid request (code 2)"))
        #expect(acceptance == nil && stranger == nil && answer == .subscribed(200..<400))
        let late = machine.didReceive(Self.refused(nil), at: Self.at(2))
        #expect(late == nil)
    }

    @Test func `only when every stream is refused or absent is the connection of no use`() {
        var machine = Self.opened(2, inAddress: 1)
        _ = machine.advance(to: Self.at(0))
        _ = machine.didReceive(Self.refused(1), at: Self.at(1))
        let half = machine.isRefused
        _ = machine.advance(to: Self.at(1))
        let answer = machine.didReceive(SubscriptionReply(id: 2, outcome: .list([])), at: Self.at(2))
        #expect(!half && machine.isRefused)
        #expect(answer == .fail(.absent, streams: [0], words: "missing in the exchange's list"))
    }

    @Test func `an unanswered request is an alarm after 4 s, but its late answer still counts for nothing`() {
        var machine = Self.opened(3, inAddress: 1)
        _ = machine.advance(to: Self.at(10))
        let early = machine.advance(to: Self.at(4_009))
        let deadline = machine.deadline
        let failure = machine.advance(to: Self.at(4_010))
        let failed = machine.failed
        let late = machine.didReceive(Self.accepted(1), at: Self.at(4_011))
        #expect(early == .none && deadline == Self.at(4_010) && late == nil && failed == [1, 2])
        #expect(failure == .fail(.unanswered, streams: [1, 2], words: "no answer within 4000 ms"))
        let isRefused = machine.isRefused
        #expect(!isRefused)
        let list = machine.advance(to: Self.at(4_011))
        let unlisted = machine.advance(to: Self.at(8_011))
        #expect(list == .send(.list(id: 2)))
        #expect(unlisted == .fail(.unlisted, streams: [], words: "no answer within 4000 ms"))
        #expect(machine.failed == [1, 2] && machine.deadline == nil)
    }

    @Test(arguments: [
        SubscriptionReply(id: 1, outcome: .refused(code: 2, message: "no")),
        SubscriptionReply(id: 1, outcome: .accepted),
    ])
    func `a list that is refused or none is told, and fails no stream`(reply: SubscriptionReply) {
        var machine = Self.opened(1, inAddress: 1)
        _ = machine.advance(to: Self.at(0))
        guard case .fail(.unlisted, [], _) = machine.didReceive(reply, at: Self.at(1)) else {
            Issue.record("not told")
            return
        }
        #expect(machine.failed.isEmpty && !machine.isRefused)
    }

    @Test func `a stream that delivers is there, whatever was said of it before or is said later`() {
        var machine = Self.opened(3, inAddress: 0)
        _ = machine.advance(to: Self.at(0))
        let early = machine.didDeliver(0)
        let refusal = machine.didReceive(Self.refused(1), at: Self.at(1))
        let failed = machine.failed
        let back = machine.didDeliver(1)
        let again = machine.didDeliver(1)
        #expect(!early && refusal == .fail(.refused, streams: [1, 2], words: "Invalid request (code 2)"))
        #expect(failed == [1, 2] && back && !again && machine.failed == [2])
        _ = machine.advance(to: Self.at(1))
        let list = machine.didReceive(SubscriptionReply(id: 2, outcome: .list([])), at: Self.at(2))
        #expect(list == Machine.Action.none)
    }

    @Test func `each connection begins anew`() {
        var machine = Self.opened(300, inAddress: 1)
        _ = machine.advance(to: Self.at(0))
        _ = machine.didReceive(Self.refused(1), at: Self.at(0))
        machine.didDisconnect()
        machine.didDisconnect()
        let closed = machine.advance(to: Self.at(10_000))
        let stale = machine.didReceive(Self.accepted(2), at: Self.at(10_000))
        let (failed, deadline) = (machine.failed, machine.deadline)
        let opened = machine.didOpen(at: Self.at(10_000))
        let request = machine.advance(to: Self.at(10_000))
        #expect(closed == .none && stale == nil && failed.isEmpty && deadline == nil)
        #expect(opened == .subscribed(0..<1) && request == .send(.subscribe(id: 1, streams: 1..<201)))
    }

    @Test func `impossible events are our own mistakes`() async {
        await #expect(processExitsWith: .failure) {
            var machine = SubscriptionStateMachine(streams: ["a@trade"], streamsInAddress: 1)
            _ = machine.didOpen(at: MonotonicNanos(rawValue: 0))
            _ = machine.didOpen(at: MonotonicNanos(rawValue: 0))
        }
        await #expect(processExitsWith: .failure) {
            var machine = SubscriptionStateMachine(streams: ["a@trade"], streamsInAddress: 1)
            _ = machine.didDeliver(0)
        }
        await #expect(processExitsWith: .failure) {
            _ = SubscriptionStateMachine(streams: ["a@trade"], streamsInAddress: 2)
        }
    }
}
