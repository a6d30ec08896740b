import FeedHandler
import Testing
import TradingModel

@Suite struct ConnectionStateMachineTests {
    private static func at(_ millis: UInt64) -> MonotonicNanos { MonotonicNanos(rawValue: millis * 1_000_000) }

    /// A machine that is open since `millis`.
    private static func opened(at millis: UInt64) -> ConnectionStateMachine {
        var machine = ConnectionStateMachine(random: { 0 })
        _ = machine.start()
        _ = machine.didConnect(at: at(millis))
        machine.didOpen(at: at(millis))
        return machine
    }

    @Test func `connects, shakes hands, opens`() {
        var machine = ConnectionStateMachine(random: { 0 })
        let start = machine.start()
        let connected = machine.didConnect(at: Self.at(10))
        let isHandshaking = machine.isHandshaking
        let waiting = machine.advance(to: Self.at(5_009))
        machine.didOpen(at: Self.at(5_009))
        let isOpen = machine.isOpen
        #expect(start == .connect && connected == .sendHandshake && isHandshaking && waiting == .none && isOpen)
    }

    @Test func `gives an unanswered handshake up after 5 s`() {
        var machine = ConnectionStateMachine(random: { 0 })
        _ = machine.start()
        _ = machine.didConnect(at: Self.at(0))
        let deadline = machine.deadline
        let action = machine.advance(to: Self.at(5_000))
        #expect(deadline == Self.at(5_000) && action == .disconnect(.handshakeTimedOut))
    }

    @Test func `pings after 2 s of silence and gives up 2.5 s later`() {
        var machine = Self.opened(at: 0)
        let early = machine.advance(to: Self.at(1_999))
        let ping = machine.advance(to: Self.at(2_000))
        let again = machine.advance(to: Self.at(4_499))
        let end = machine.advance(to: Self.at(4_500))
        #expect(early == .none && ping == .sendPing && again == .none && end == .disconnect(.silent))
    }

    @Test func `anything received ends the silence`() {
        var machine = Self.opened(at: 0)
        _ = machine.advance(to: Self.at(2_000))
        machine.didReceive(at: Self.at(4_400))
        let first = machine.advance(to: Self.at(6_399))
        let ping = machine.advance(to: Self.at(6_400))
        #expect(first == .none && ping == .sendPing)
    }

    @Test func `echoes the peer's close and waits a moment for its end`() {
        var machine = Self.opened(at: 0)
        let echo = machine.didReceiveClose(code: 1001, at: Self.at(100))
        let isOpen = machine.isOpen
        let reason = machine.reason(orWhileOpen: .lost)
        let deadline = machine.deadline
        let end = machine.advance(to: Self.at(350))
        #expect(echo == .sendClose(1001) && !isOpen && reason == .closedByPeer)
        #expect(deadline == Self.at(350) && end == .disconnect(.closedByPeer))
    }

    @Test func `a close of our own keeps its reason whoever ends first`() {
        var machine = Self.opened(at: 0)
        let close = machine.close(code: 1009, reason: .violation, at: Self.at(10))
        let second = machine.close(code: 1002, reason: .lost, at: Self.at(11))
        let reason = machine.reason(orWhileOpen: .lost)
        let answer = machine.didReceiveClose(code: 1009, at: Self.at(20))
        #expect(close == .sendClose(1009) && second == .none && reason == .violation)
        #expect(answer == .disconnect(.violation))
    }

    @Test func `tries again without limit, after waits that grow to 10 s`() {
        var machine = ConnectionStateMachine(random: { .max })  // the longest jitter is not the maximum's remainder
        var now: UInt64 = 0
        var waits: [UInt64] = []
        _ = machine.start()
        for _ in 0..<10_000 {
            machine.didDisconnect(at: Self.at(now))
            let deadline = machine.deadline!.rawValue / 1_000_000
            waits.append(deadline - now)
            let early = machine.advance(to: Self.at(deadline - 1))
            let action = machine.advance(to: MonotonicNanos(rawValue: machine.deadline!.rawValue))
            guard early == .none, action == .connect else {
                Issue.record("no attempt after \(waits.count) failures")
                return
            }
            now = deadline + 1
        }
        #expect(waits.allSatisfy { (100...10_000).contains($0) })
        #expect(waits[0] <= 200 && waits[1] <= 400 && waits[..<40].allSatisfy { $0 <= 800 })
    }

    @Test func `backoff is uniform between 100 ms and a limit that doubles, to 800 ms at first and then to 10 s`() {
        let limits = (0..<46).map { Backoff.limitMillis(failures: $0) }
        #expect(Array(limits[..<40]) == [200, 400] + Array(repeating: 800, count: 38))
        #expect(Array(limits[40...]) == [1_600, 3_200, 6_400, 10_000, 10_000, 10_000])
        var generator = SeededGenerator(state: 7)
        for failures in [0, 1, 2, 39, 40, 44] {
            var (least, most) = (UInt64.max, UInt64(0))
            for _ in 0..<2_000 {
                var backoff = Backoff()
                var delay: UInt64 = 0
                for _ in 0...failures { delay = backoff.nextDelayNanos(random: generator.next()) }
                (least, most) = (min(least, delay), max(most, delay))
            }
            let limit = limits[failures] * 1_000_000
            #expect(least >= 100_000_000 && most <= limit)
            #expect(least < 100_000_000 + limit / 50 && most > limit - limit / 50, "failures \(failures)")
        }
    }

    @Test func `only a connection that lasted makes waits short again`() {
        func waitLimit(openMillis: UInt64) -> Bool {
            var machine = ConnectionStateMachine(random: { 9_000_000_000 })
            _ = machine.start()
            var now: UInt64 = 0
            for _ in 0..<8 {
                machine.didDisconnect(at: Self.at(now))
                now += 20_000
                _ = machine.advance(to: Self.at(now))
            }
            _ = machine.didConnect(at: Self.at(now))
            machine.didOpen(at: Self.at(now))
            now += openMillis
            machine.didDisconnect(at: Self.at(now))
            return machine.deadline!.rawValue <= Self.at(now + 200).rawValue
        }
        #expect(!waitLimit(openMillis: 4_999))
        #expect(waitLimit(openMillis: 5_000))
    }

    @Test func `an attempt that is held back is made when its time comes`() {
        var machine = ConnectionStateMachine(random: { 0 })
        _ = machine.start()
        machine.didHoldBack(until: Self.at(5_000))
        let deadline = machine.deadline
        let early = machine.advance(to: Self.at(4_999))
        let action = machine.advance(to: Self.at(5_000))
        #expect(deadline == Self.at(5_000) && early == .none && action == .connect)
    }

    @Test func `nothing happens to a machine that has stopped`() {
        var machine = Self.opened(at: 0)
        _ = machine.stop()
        machine.didDisconnect(at: Self.at(10))
        let deadline = machine.deadline
        let action = machine.advance(to: Self.at(100_000))
        #expect(deadline == nil && action == .none)
    }

    @Test func `a close frame without a connection, and every other impossible event, is our own mistake`() async {
        await #expect(processExitsWith: .failure) {
            var machine = ConnectionStateMachine(random: { 0 })
            _ = machine.start()
            _ = machine.start()
        }
        await #expect(processExitsWith: .failure) {
            var machine = ConnectionStateMachine(random: { 0 })
            _ = machine.didConnect(at: MonotonicNanos(rawValue: 0))
        }
        await #expect(processExitsWith: .failure) {
            var machine = ConnectionStateMachine(random: { 0 })
            _ = machine.start()
            machine.didOpen(at: MonotonicNanos(rawValue: 0))
        }
        await #expect(processExitsWith: .failure) {
            var machine = ConnectionStateMachine(random: { 0 })
            machine.didDisconnect(at: MonotonicNanos(rawValue: 0))
        }
        await #expect(processExitsWith: .failure) {
            var machine = ConnectionStateMachine(random: { 0 })
            machine.didHoldBack(until: MonotonicNanos(rawValue: 1))
        }
        await #expect(processExitsWith: .failure) {
            var machine = ConnectionStateMachine(random: { 0 })
            _ = machine.didReceiveClose(code: nil, at: MonotonicNanos(rawValue: 0))
        }
    }

    @Test func `obeys the wait the exchange asks for`() {
        var machine = ConnectionStateMachine(random: { 0 })
        _ = machine.start()
        _ = machine.didConnect(at: Self.at(0))
        machine.didDisconnect(at: Self.at(0), waitingAtLeastSeconds: 120)
        let early = machine.advance(to: Self.at(119_999))
        let action = machine.advance(to: Self.at(120_000))
        #expect(early == .none && action == .connect)
    }

    @Test func `stops with a good-bye only where there is someone to hear it`() {
        var open = Self.opened(at: 0)
        let goodbye = open.stop()
        let deadline = open.deadline
        var waiting = ConnectionStateMachine(random: { 0 })
        _ = waiting.start()
        waiting.didDisconnect(at: Self.at(0))
        let nothing = waiting.stop()
        #expect(goodbye == .sendClose(1000) && deadline == nil && nothing == .none)
    }
}
