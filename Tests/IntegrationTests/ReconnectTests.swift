import ExchangeSimulator
import Foundation
import Logging
import TestSupport
import Testing

/// Faults E1 and E2: cuts of every kind and a line on which packets vanish, seen from the decisions of a running product.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ReconnectTests {
    let folder = try! TemporaryFolder()
    private static let symbols = Array(SyntheticMarket.wellKnownSymbols(count: 4)).map { symbol in
        var symbol = symbol
        symbol.weight = 1
        return symbol
    }
    /// Rounds of each kind; each cuts one connection per symbol.
    private static let rounds = 5

    enum Cut: String, CaseIterable {
        case close = "close frame"
        case reset
        case refused
        case nameFailure = "DNS failure"

        /// Whether the exchange stays away for a while.
        var isOutage: Bool { self == .refused || self == .nameFailure }
    }

    /// An exchange of trades only, some hundred a second of each symbol.
    private func exchange(host: String = "127.0.0.1", port: Int = 0) async throws -> (ExchangeSimulator, Int) {
        var configuration = SimulatorConfiguration(
            source: .synthetic(
                SyntheticMarket(seed: 1, symbols: Self.symbols, eventsPerSecond: 2_000, quotePercent: 0)))
        configuration.host = host
        configuration.port = port
        let exchange = ExchangeSimulator(
            configuration: configuration, logger: Logger(label: "exchange", factory: { _ in SwiftLogNoOpLogHandler() }))
        return (exchange, try await exchange.start())
    }

    private func feeds(host: String, port: Int) -> [String] {
        Self.symbols.flatMap { ["--feed", "simulator=ws://\(host):\(port)/ws/\($0.name.lowercased())@trade"] }
            + ["--short", "5", "--long", "20", "--store", "none"]
    }

    @Test(arguments: Cut.allCases.filter { $0 != .nameFailure })
    func `E1 decisions go on within a second of the exchange's return`(cut: Cut) async throws {
        defer { folder.remove() }
        let (exchange, port) = try await exchange()
        let run = try RunningTickline(feeds(host: "127.0.0.1", port: port), folder: folder.url)
        try await measure(cut, run, exchange, port) { _ in }
    }

    @Test(.enabled(if: Namespaces.shouldRun, "needs root, for host names of its own"))
    func `E1 decisions go on within a second of the return of the exchange's name`() async throws {
        defer { folder.remove() }
        let names = try HostNames(folder: folder.url)
        try names.set(["exchange.test"])
        let (exchange, port) = try await exchange()
        let run = try RunningTickline(
            feeds(host: "exchange.test", port: port), folder: folder.url, launcher: names.launcher)
        try await measure(.nameFailure, run, exchange, port) { try names.set($0 ? ["exchange.test"] : []) }
    }

    /// Cuts all connections `rounds` times and takes the time from the exchange's return to the next decision of each symbol.
    private func measure(
        _ cut: Cut, _ run: RunningTickline, _ first: ExchangeSimulator, _ port: Int, setName: (Bool) throws -> Void
    ) async throws {
        var exchange = first
        var log = try RunLog(run.process)
        var recoveries: [Double] = []
        for _ in 0..<Self.rounds {
            let begin = Date()
            // Of log lines of one kind ten a second are written: those of the round before must be a second old.
            try await waitUntil("decisions of all symbols, and a second without a cut") {
                try log.update()
                let isQuiet = (log.events.last?.time ?? begin).timeIntervalSinceNow < -1.1
                return isQuiet && Self.symbols.allSatisfy { log.signal($0.name, after: begin) != nil }
            }
            let cutAt = Date()
            var isBack = cutAt
            switch cut {
            case .close: try await exchange.inject(.cut(.close(code: 1001)))
            case .reset: try await exchange.inject(.cut(.reset))
            case .refused: await exchange.stop()
            case .nameFailure:
                try setName(false)
                try await exchange.inject(.cut(.reset))
            }
            if cut.isOutage {
                // The outage lasts until each feed has failed twice.
                try await waitUntil("failed attempts") {
                    try log.update()
                    return log.events.count { $0.time >= cutAt && $0.reason != nil } >= 3 * Self.symbols.count
                }
                if cut == .refused { (exchange, _) = try await self.exchange(port: port) } else { try setName(true) }
                isBack = Date()
            }
            try await waitUntil("decisions go on") {
                try log.update()
                return Self.symbols.indices.allSatisfy { index in
                    log.connected("simulator#\(index)", after: cutAt)
                        .flatMap { log.signal(Self.symbols[index].name, after: $0) } != nil
                }
            }
            for (index, symbol) in Self.symbols.enumerated() {
                let connected = try #require(log.connected("simulator#\(index)", after: cutAt))
                recoveries.append(try #require(log.signal(symbol.name, after: connected)).timeIntervalSince(isBack))
            }
        }
        let attempts = await run.metric("tickline_connection_attempts_total")
        #expect(run.process.stop() == 0)
        await exchange.stop()
        recoveries.sort()
        let p99 = try #require(recoveries.last)
        print(
            "figure: E1 \(cut.rawValue): recovery of \(recoveries.count) cuts p50"
                + String(format: " %.3f s, p99 %.3f s", recoveries[recoveries.count / 2], p99)
                + " after return; \(Int(attempts)) attempts")
        #expect(recoveries.count >= 20)
        #expect(goal("E1 recovery after the exchange's return, p99, \(cut.rawValue)", p99, atMost: 1, "s"))
    }

    @Test(.enabled(if: Namespaces.shouldRun, "needs root, for a network of its own"))
    func `E2 a line on which packets vanish is noticed within five seconds`() async throws {
        defer { folder.remove() }
        let network = try NetworkNamespace()
        defer { #expect(throws: Never.self) { try network.remove() } }
        let (exchange, port) = try await exchange(host: network.hostAddress)
        let run = try RunningTickline(
            feeds(host: network.hostAddress, port: port), folder: folder.url, launcher: network.launcher)
        var log = try RunLog(run.process)
        let begin = Date()
        try await waitUntil("decisions of all symbols") {
            try log.update()
            return Self.symbols.allSatisfy { log.signal($0.name, after: begin) != nil }
        }
        try network.drop()
        let dropped = Date()
        try await waitUntil("the silence is noticed") {
            try log.update()
            return log.events.count { $0.reason == "silent" } == Self.symbols.count
        }
        let noticed = log.events.filter { $0.reason == "silent" }.map { $0.time.timeIntervalSince(dropped) }.max()!
        try network.pass()
        let passed = Date()
        try await waitUntil("decisions go on") {
            try log.update()
            return Self.symbols.indices.allSatisfy { index in
                log.connected("simulator#\(index)", after: passed)
                    .flatMap { log.signal(Self.symbols[index].name, after: $0) } != nil
            }
        }
        #expect(run.process.stop() == 0)
        await exchange.stop()
        print("figure: E2 half-open, packets dropped both ways: noticed after " + String(format: "%.3f s", noticed))
        #expect(goal("E2 half-open feed noticed", noticed, atMost: 5, "s"))
        #expect(log.events.allSatisfy { $0.reason == nil || ["silent", "timeout"].contains($0.reason!) })
    }
}
