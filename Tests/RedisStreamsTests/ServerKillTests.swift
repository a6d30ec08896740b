import Synchronization
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import RedisStreams

/// A server that keeps every write on disk and is killed, or runs out of disk, under signals at a steady rate; each test
/// prints its figure.
@Suite(.serialized) struct ServerKillTests {
    private static let perSecond = 2_000

    /// A publisher with the product's own delays.
    private func rig(_ server: RedisServer) throws -> Rig {
        var configuration = SignalPublisherConfiguration(
            endpoint: try RedisEndpoint(url: server.url), streamKey: "signals")
        configuration.trim = nil
        return try Rig(configuration)
    }

    /// Publishes signals from `next` on at a steady rate until `isOver` says so.
    private func publish<Sink: SignalSink & ~Copyable>(
        _ sink: inout Sink, from next: inout Int, until isOver: () -> Bool
    ) async throws {
        let (start, first) = (ContinuousClock.now, next)
        while !isOver() {
            let elapsed = ContinuousClock.now - start
            guard elapsed < .seconds(30) else { throw ConditionTimeout(description: "signals flowed for 30 s") }
            let due = first + Int(elapsed / .milliseconds(1)) * Self.perSecond / 1_000
            while next < due {
                let outcome = sink.publish(Fixture.signal(next))
                try #require(outcome != .full, "the outbox holds what a fault of some seconds leaves")
                next += 1
            }
            sink.flush()
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    private func published(_ rig: Rig) -> Double { rig.metrics.total("tickline_published_total") }

    @Test func `a server killed at random moments has every signal once, in order`() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let server = try await RedisServer(appendOnly: true)
        let rig = try rig(server)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        try await waitUntil("ready") { rig.health.status.isReady }
        var (next, seconds) = (0, [Double]())
        for _ in 0..<10 {
            let moment = ContinuousClock.now + .milliseconds(Int.random(in: 50...250, using: &random))
            try await publish(&sink, from: &next) { ContinuousClock.now >= moment }
            server.kill()
            let restart = Restart()
            async let restarted: Void = restart.run(server)
            try await publish(&sink, from: &next) { restart.answered != nil }
            try await restarted
            let (answered, before) = (try #require(restart.answered), published(rig))
            try await publish(&sink, from: &next) { published(rig) > before }
            seconds.append((ContinuousClock.now - answered) / .seconds(1))
        }
        try await rig.drained()
        let identifiers = try Probe(server.url).identifiers()
        let count = next
        #expect(identifiers == (0..<count).map(Fixture.identifier))
        let (lost, slowest) = (count - Set(identifiers).count, seconds.max()!)
        #expect(goal("R1 first entry after Redis' return, the slowest of \(seconds.count)", slowest, atMost: 1, "s"))
        #expect(rig.metrics.total("tickline_publish_conflicts_total") == 0)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
        seconds.sort()
        print(
            "figure: R1 10 kills among \(count) signals, seed \(seed): lost \(lost), doubled",
            "\(identifiers.count - Set(identifiers).count), first write after the return in s: least \(seconds[0]), median",
            "\(seconds[5]), most \(seconds[9])")
    }

    @Test(.enabled(if: Namespaces.shouldRun, "mounting needs root"))
    func `a server that its full disk ends has every signal once, in order`() async throws {
        let disk = try TemporaryDisk(mebibytes: 4)
        defer { disk.remove() }
        let server = try await RedisServer(appendOnly: true, options: ["--dir", disk.path])
        let rig = try rig(server)
        var sink = rig.publisher.makeSink()
        rig.publisher.start()
        var next = 0
        try await publish(&sink, from: &next) { published(rig) >= 500 }
        try disk.fill(leavingBytes: 64 << 10)
        try await publish(&sink, from: &next) { !server.isRunning || rig.errors("MISCONF") > 0 }
        let (before, hasEnded) = (published(rig), !server.isRunning)
        try await publish(&sink, from: &next) { !rig.health.status.isReady }
        try disk.empty()
        try await server.restart()
        let start = ContinuousClock.now
        try await publish(&sink, from: &next) { published(rig) > before }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        try await rig.drained()
        let (identifiers, count) = (try Probe(server.url).identifiers(), next)
        #expect(identifiers == (0..<count).map(Fixture.identifier))
        #expect(seconds <= 1)
        #expect(await rig.publisher.drainAndStop(timeout: .seconds(2)) == 0)
        print(
            "figure: R10 disk full after \(Int(before)) signals, the server \(hasEnded ? "ended" : "refused"), of \(count) lost",
            "\(count - Set(identifiers).count), doubled \(identifiers.count - Set(identifiers).count), first write",
            "\(seconds) s after the return")
    }
}

/// When a server answered again, from another task.
private final class Restart: Sendable {
    private let instant = Mutex<ContinuousClock.Instant?>(nil)
    var answered: ContinuousClock.Instant? { instant.withLock { $0 } }

    func run(_ server: RedisServer) async throws {
        try await server.restart()
        instant.withLock { $0 = .now }
    }
}
