import Foundation
import TestSupport
import Testing

/// What the recorded session's 37 signals come to, as a program of another language computes it from the same series.
struct TradingReference: Decodable, Equatable {
    struct Order: Decodable, Equatable { let id, side, quantity, average: String }
    let orders: [Order]
    let quantity, cost, realised, fees: String

    private static let series = SharedData.path("series/binance_btcusdt_trade_20240808.sma50_200.expected.csv")
    static let rules = SharedData.path("binance/exchangeInfo_btcusdt_ethusdt.20250807.json.gz")

    /// What a trader is to be told for orders as the reference makes them.
    static func arguments(sellTarget: String) -> [String] {
        [
            "--paper-fill", "signal", "--signal-expiry", "0", "--trade-size", "quantity:0.01", "--sell-target",
            sellTarget,
            "--trading-rules", rules,
        ]
    }

    /// Runs the program.
    init(sellTarget: String) throws {
        let script = Repository.root.appendingPathComponent("Tests/IntegrationTests/trading_reference.py").path
        let output = try Command.run([
            "python3", "-B", script, Self.series, "0.01", sellTarget, "2", "10", "0.01",
        ])
        self = try JSONDecoder().decode(Self.self, from: Data(output.utf8))
    }

    /// Expects a store to show the same, to the last digit.
    func check(_ store: [String]) throws {
        let shown = try Self.shown("orders", ["--limit", "1000"] + store)
        #expect(shown.allSatisfy { $0["state"] == "filled" && $0["filled"] == $0["quantity"] })
        #expect(
            shown.map { [$0["id"], $0["side"], $0["quantity"], $0["average"]] }
                == orders.map { [$0.id, $0.side, $0.quantity, $0.average] })
        let position = try #require(try Self.shown("positions", store).first { $0["strategy"] == "sma-50-200" })
        #expect(position["quantity"] == quantity && position["cost"] == cost)
        let profit = try #require(try Self.shown("pnl", store).first { $0["strategy"] == "sma-50-200" })
        #expect(profit["realised"] == realised && profit["fees"] == fees)
    }

    /// The objects that a command shows.
    static func shown(_ command: String, _ arguments: [String]) throws -> [[String: String]] {
        let result = try Tickline.run([command, "--json"] + arguments)
        #expect(result.status == 0, "\(result.error)")
        return try result.output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String])
        }
    }
}
