import ExchangeSimulator
import Foundation
import Logging
import TestSupport
import Testing

/// More streams in one address than a connection takes.
@Suite(.timeLimit(.minutes(2))) struct ManyStreamsTests {
    @Test func `200 instruments of six streams each work from one address`() async throws {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let symbols = SyntheticMarket.wellKnownSymbols(count: 200)
        let exchange = ExchangeSimulator(
            configuration: SimulatorConfiguration(
                source: .synthetic(
                    SyntheticMarket(seed: 1, symbols: symbols, eventsPerSecond: 2_000, quotePercent: 0))),
            logger: Logger(label: "exchange", factory: { _ in SwiftLogNoOpLogHandler() }))
        let port = try await exchange.start()
        let streams = ["trade", "aggTrade", "bookTicker", "depth@100ms", "depth20", "kline_1m"].flatMap { type in
            symbols.map { "\($0.name.lowercased())@\(type)" }
        }
        let address = "simulator=ws://127.0.0.1:\(port)/stream?streams=\(streams.joined(separator: "/"))"
        // The made-up market has no aggregate trades and no klines.
        let run = try RunningTickline(
            ["--feed", address, "--silence-alarm", "off", "--short", "1", "--long", "2", "--store", "none"],
            folder: folder.url)
        var log = try RunLog(run.process)
        try await waitUntil("signals of all instruments", timeout: .seconds(60)) {
            try log.update()
            return Set(log.signals.map(\.symbol)).count == symbols.count
        }
        let attempts = await run.metric("tickline_connection_attempts_total")
        let failures = await run.metric("tickline_subscription_failures_total")
        let readiness = await run.get("/readyz")
        #expect(run.process.stop() == 0)
        await exchange.stop()
        #expect(attempts == 2 && failures == 0 && readiness.status == 200, "\(readiness.body)")
        print(
            "figure: \(streams.count) streams of one address on \(Int(attempts)) connections, failures \(Int(failures))"
        )
    }
}
