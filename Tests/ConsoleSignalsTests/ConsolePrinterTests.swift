import Foundation
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import ConsoleSignals

@Suite struct ConsolePrinterTests {
    let catalog: MarketCatalog
    let signal: Decision

    init() throws {
        catalog = MarketCatalog(
            instruments: [InstrumentSpecification(instrument: Instrument(exchange: .binance, symbol: "BTCUSDT"))],
            strategies: [try SMACrossoverParameters(shortPeriod: 50, longPeriod: 200)])
        signal = Decision(
            instrument: 0, strategy: 0, side: .buy, reason: .cross, tickID: 3_735_683_486, price: 6_182_600_000_000,
            shortSum: 6_182_669_380_000 * 50, longSum: 6_182_666_425_000 * 200,
            exchangeTime: UnixNanos(rawValue: 1_723_161_268_396_000_000),
            receiveTime: UnixNanos(rawValue: 1_723_161_268_397_000_000), receiveMonotonic: MonotonicNanos(rawValue: 1))
    }

    private func printed(_ format: ConsoleFormat, _ signals: [Decision]) throws -> [Substring] {
        let folder = try TemporaryFolder()
        defer { folder.remove() }
        let path = folder.path + "/out"
        let descriptor = open(path, O_CREAT | O_WRONLY, 0o600)
        let printer = ConsolePrinter(
            catalog: catalog, metrics: MetricsRegistry(), format: format, descriptor: descriptor)
        var sink = printer.makeSink()
        printer.start()
        for signal in signals { while sink.publish(signal) == .full {} }
        printer.stop()
        close(descriptor)
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    }

    @Test func `prints the fields of the stream entry as JSON lines`() throws {
        let lines = try printed(.jsonLines, [signal])
        let object = try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: String]
        #expect(
            object == [
                "signal": "BUY", "shortSMA": "61826.6938", "longSMA": "61826.66425",
                "time": "2024-08-08T23:54:28.396Z", "schema": "1", "id": "binance:BTCUSDT:sma-50-200:3735683486",
                "exchange": "binance", "symbol": "BTCUSDT", "strategy": "sma-50-200", "price": "61826",
                "tickId": "3735683486", "eventTime": "1723161268396000000", "receiveTime": "1723161268397000000",
                "reason": "cross",
            ])
    }

    @Test func `prints a table with one header`() throws {
        let lines = try printed(.table, [signal, signal])
        #expect(lines.count == 3)
        #expect(lines[0].contains("SIGNAL") && lines[1].contains("BUY") && lines[1].contains("61826.6938"))
        #expect(
            lines[0].distance(from: lines[0].startIndex, to: lines[0].range(of: "PRICE")!.lowerBound)
                == lines[1].distance(from: lines[1].startIndex, to: lines[1].range(of: "61826 ")!.lowerBound))
    }

    @Test func `keeps order through more signals than the ring holds`() throws {
        var signals: [Decision] = []
        for id in 0..<20_000 as Range<UInt64> {
            var next = signal
            next.tickID = id
            signals.append(next)
        }
        let lines = try printed(.jsonLines, signals)
        #expect(lines.count == 20_000)
        #expect(lines.enumerated().allSatisfy { $1.contains("\"tickId\":\"\($0)\"") })
    }

    @Test func `a reader that stalls does not hold up a stop, and what it did not take is counted`() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { ends.forEach { close($0) } }
        let metrics = MetricsRegistry()
        let printer = ConsolePrinter(catalog: catalog, metrics: metrics, format: .jsonLines, descriptor: ends[1])
        var sink = printer.makeSink()
        printer.start()
        // More than a pipe holds (64 KiB), so the printer waits for room when the stop comes.
        for _ in 0..<1_000 { while sink.publish(signal) == .full {} }
        printer.stop()
        #expect(metrics.total("tickline_dropped_total") > 500)
    }

    @Test func `counts what a closed reader no longer takes`() throws {
        let metrics = MetricsRegistry()
        let printer = ConsolePrinter(catalog: catalog, metrics: metrics, format: .jsonLines, descriptor: -1)
        var sink = printer.makeSink()
        printer.start()
        for _ in 0..<3 { _ = sink.publish(signal) }
        printer.stop()
        #expect(metrics.total("tickline_dropped_total") == 3)
    }
}
