import TestSupport
import Testing
import TradingModel

@testable import TicklineNode

@Suite struct QueryOptionsTests {
    static let now = UnixNanos(rawValue: 1_723_161_253_123_456_789)

    @Test(arguments: [
        ("2024-08-08T23:54:13.123456789Z", Int64(1_723_161_253_123_456_789)),
        ("2024-08-08T23:54:13Z", 1_723_161_253_000_000_000), ("2024-08-08t23:54:13z", 1_723_161_253_000_000_000),
        ("2024-08-08 23:54:13.5Z", 1_723_161_253_500_000_000),
        ("2024-08-09T01:54:13+02:00", 1_723_161_253_000_000_000),
        ("2024-08-08T18:24:13-05:30", 1_723_161_253_000_000_000), ("2024-08-08", 1_723_075_200_000_000_000),
        ("1970-01-01", 0), ("1969-12-31T23:59:59.5Z", -500_000_000), ("2000-02-29", 951_782_400_000_000_000),
        ("now", 1_723_161_253_123_456_789), ("-90s", 1_723_161_163_123_456_789), ("-1h", 1_723_157_653_123_456_789),
        ("-15m", 1_723_160_353_123_456_789), ("-7d", 1_722_556_453_123_456_789),
    ])
    func `reads times`(text: String, nanos: Int64) {
        #expect(QueryTime.unixNanos(parsing: text, now: Self.now) == nanos)
    }

    @Test(arguments: [
        "", "-", "-h", "-0h", "--1h", "-1w", "1h", "-1.5h", "-99999999999999d", "yesterday", "2024-8-8", "2024-02-30",
        "2023-02-29", "2024-13-01", "2024-00-10", "2024-08-08T", "2024-08-08T24:00:00Z", "2024-08-08T23:60:00Z",
        "2024-08-08T23:54:60Z", "2024-08-08T23:54Z", "2024-08-08T23:54:13", "2024-08-08T23:54:13.Z",
        "2024-08-08T23:54:13.1234567891Z", "2024-08-08T23:54:13+25:00", "2024-08-08T23:54:13ZZ", "2024-08-08Z",
        "9999-01-01", "0001-01-01", "２０24-08-08",
    ])
    func `refuses what is no time`(text: String) {
        #expect(QueryTime.unixNanos(parsing: text, now: Self.now) == nil)
    }

    private func refusal(_ change: (inout QueryOptions) -> Void) throws -> QueryError {
        var options = QueryOptions()
        change(&options)
        return try #require(throws: QueryError.self) { _ = try options.request(now: Self.now, isTerminal: false) }
    }

    @Test func `refuses unknown names, times and ranges with the remedy`() throws {
        let table = try refusal { $0.table = "tiks" }
        #expect(table.exitStatus == 64)
        #expect(
            "\(table)" == "--table: there is no 'tiks'; did you mean ticks?"
                + " (ticks, decisions, signals, gaps, depth, klines)")
        #expect("\(try refusal { $0.format = "xml" })".contains("table, json, csv"))
        #expect("\(try refusal { $0.from = "soon" })".contains("--from: 'soon' is no time"))
        #expect("\(try refusal { $0.limit = 0 })".contains("'0'"))
        let range = try refusal {
            $0.from = "-1h"
            $0.to = "-2h"
        }
        #expect(range.exitStatus == 64 && "\(range)" == "--from -1h is not before --to -2h")
        #expect(try refusal { ($0.from, $0.to) = ("now", "now") }.exitStatus == 64)
    }

    @Test func `matches instruments by symbol or by exchange and symbol`() throws {
        let known = [("binance", "BTCUSDT"), ("binance", "ETHUSDT"), ("binance-usdm", "BTCUSDT")].map {
            StoredInstrument(exchange: $0.0, symbol: $0.1)
        }
        func matches(_ texts: [String], in known: [StoredInstrument]) throws -> [StoredInstrument] {
            var options = QueryOptions()
            options.instruments = texts
            return try options.request(now: Self.now, isTerminal: false).matches(in: known)
        }
        #expect(try matches([], in: known) == known)
        #expect(try matches(["BTCUSDT"], in: known) == [known[0], known[2]])
        #expect(try matches(["binance:BTCUSDT", "ETHUSDT", "ETHUSDT"], in: known) == [known[0], known[1]])
        for (text, name) in [("ethusdt", "ETHUSDT"), ("binance:BTCUST", "binance:BTCUSDT"), ("ETHUDST", "ETHUSDT")] {
            let error = try #require(throws: QueryError.self) { _ = try matches([text], in: known) }
            #expect("\(error)" == "--instrument: there is no '\(text)'; did you mean \(name)?")
            #expect(error.exitStatus == 64)
        }
        let error = try #require(throws: QueryError.self) { _ = try matches(["BTCUSDT"], in: []) }
        #expect("\(error)".contains("nothing is stored yet"))
    }
}
