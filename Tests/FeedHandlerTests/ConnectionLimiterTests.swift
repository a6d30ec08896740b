import FeedHandler
import Testing
import TradingModel

@Suite struct ConnectionLimiterTests {
    private static func at(_ millis: UInt64) -> MonotonicNanos { MonotonicNanos(rawValue: millis * 1_000_000) }

    @Test func `a window tells when its limit is free again`() {
        var window = SlidingWindow(capacity: 3, lengthMillis: 1_000)
        #expect(window.admission(below: 1, notBefore: Self.at(5)) == Self.at(5))
        for millis in [10, 20, 30] as [UInt64] { window.record(at: Self.at(millis)) }
        #expect(window.admission(below: 3, notBefore: Self.at(30)) == Self.at(1_010))
        #expect(window.admission(below: 2, notBefore: Self.at(30)) == Self.at(1_020))
        #expect(window.admission(below: 1, notBefore: Self.at(30)) == Self.at(1_030))
        #expect(window.admission(below: 1, notBefore: Self.at(2_000)) == Self.at(2_000))
        window.record(at: Self.at(40))
        #expect(window.admission(below: 3, notBefore: Self.at(40)) == Self.at(1_020))
        window.removeAll()
        #expect(window.admission(below: 1, notBefore: Self.at(40)) == Self.at(40))
    }

    @Test func `a hundred attempts are free, further ones keep their distance until the window moves on`() {
        let limiter = ConnectionLimiter()
        for attempt in 0..<100 as Range<UInt64> { #expect(limiter.admit("host", at: Self.at(attempt)) == nil) }
        #expect(limiter.admit("HOST", at: Self.at(100)) == Self.at(99 + 1_667))
        #expect(limiter.admit("host", at: Self.at(1_765)) == Self.at(1_766))
        #expect(limiter.admit("host", at: Self.at(1_766)) == nil)
        #expect(limiter.admit("host", at: Self.at(1_767)) == Self.at(3_433))
        #expect(limiter.admit("another", at: Self.at(300)) == nil)
        // Of the 101, two have left the window.
        #expect(limiter.admit("host", at: Self.at(300_001)) == nil)
        #expect(limiter.admit("host", at: Self.at(300_001)) == Self.at(301_668))
    }

    @Test func `a pause that one feed is told of holds for all feeds of the host`() {
        let limiter = ConnectionLimiter()
        limiter.close("host", until: Self.at(60_000))
        limiter.close("host", until: Self.at(30_000))
        #expect(limiter.admit("host", at: Self.at(59_999)) == Self.at(60_000))
        #expect(limiter.admit("other", at: Self.at(0)) == nil)
        #expect(limiter.admit("host", at: Self.at(60_000)) == nil)
    }

    /// E1: machines and limiter together over an outage of an hour, without sockets.
    @Test(arguments: [1, 2, 8, 64]) func `a lasting outage never has more attempts than the exchange allows`(feeds: Int)
    {
        let limiter = ConnectionLimiter()
        let seed = UInt64.random(in: 0 ... .max)
        var attempts: [UInt64] = []
        // Each feed in turn, by the time of its next step: as threads would.
        let machines = (0..<feeds).map { OutageFeed(seed: seed &+ UInt64($0)) }
        let hour: UInt64 = 3_600_000_000_000
        while let next = machines.min(by: { $0.due < $1.due }), next.due.rawValue < hour {
            if next.step(limiter) { attempts.append(next.now.rawValue) }
        }
        let most = attempts.indices.map { index in
            attempts[...index].reversed().prefix { attempts[index] - $0 < 300_000_000_000 }.count
        }.max()!
        #expect(most <= 280, "seed \(seed)")
        let firstMinute = attempts.count { $0 < 60_000_000_000 }
        print(
            "figure: E1 lasting outage, \(feeds) feeds: \(attempts.count / 60) attempts/min over an hour, \(firstMinute)"
                + " in the first minute, at most \(most) in 5 min (300 allowed), seed \(seed)")
        // Nor is a host that may be back ever left alone for longer than one wait.
        let pauses = zip(attempts.dropFirst(), attempts).map { $0 - $1 }
        #expect(pauses.max()! <= 10_000_000_000 && firstMinute >= 40)
    }
}

/// A feed whose every attempt fails at once.
private final class OutageFeed {
    private var machine: ConnectionStateMachine
    private var action: ConnectionStateMachine.Action
    private(set) var now = MonotonicNanos(rawValue: 0)

    init(seed: UInt64) {
        let random = SharedRandom(seed)
        machine = ConnectionStateMachine(random: { random.next() })
        action = machine.start()
    }

    /// When it has something to do.
    var due: MonotonicNanos { action == .connect ? now : machine.deadline ?? now }

    /// Does it; true where that was an attempt.
    func step(_ limiter: ConnectionLimiter) -> Bool {
        now = due
        if action != .connect { action = machine.advance(to: now) }
        guard action == .connect else { return false }
        action = .none
        if let time = limiter.admit("host", at: now) {
            machine.didHoldBack(until: time)
            return false
        }
        machine.didDisconnect(at: now)
        return true
    }
}

/// Random numbers for a `@Sendable` closure of one thread.
private final class SharedRandom: @unchecked Sendable {
    // Unchecked: used by one test's thread alone.
    private var generator: SeededGenerator
    init(_ seed: UInt64) { generator = SeededGenerator(state: seed) }
    func next() -> UInt64 { generator.next() }
}
