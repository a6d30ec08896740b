import Foundation
import TestSupport

/// A signal as a replay prints it, by its fields.
struct PrintedSignal: Equatable {
    let fields: [String: String]

    /// The signals of JSON lines.
    static func list(_ output: String) throws -> [PrintedSignal] {
        try output.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
            return PrintedSignal(fields: object ?? [:])
        }
    }

    var id: String { fields["id"] ?? "" }
    var receiveNanos: Int64 { fields["receiveTime"].flatMap { Int64($0) } ?? 0 }
    /// What does not depend on when a message was received.
    var market: [String: String] { fields.filter { $0.key != "receiveTime" } }
}

/// Recorded files for replays, of the shared data and made from it.
struct RecordedFiles {
    static let spotTrades = "binance/btcusdt@trade.20240808.ndjson.gz"
    static let futuresTrades = "binance_usdm/btcusdt@trade.20240808.ndjson.gz"
    static let spot = "binance/btcusdt.combined.20240808.ndjson.gz"
    static let futures = "binance_usdm/btcusdt.combined.20240808.ndjson.gz"

    let folder = try! TemporaryFolder()

    /// Writes lines as a plain recording and returns its path.
    func write(_ lines: some Sequence<some StringProtocol>, as name: String) throws -> String {
        let url = folder.url.appendingPathComponent(name)
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: url)
        return url.path
    }

    /// Writes a series of bars as trades at their closing prices, a second apart, their ids counted from 1.
    func write(bars name: String) throws -> String {
        let rows = try SharedData.lines(gzip: "series/\(name).csv.gz").dropFirst()
        let trades = rows.enumerated().map { index, row in
            let time = 1_600_000_000_000 + index * 1_000
            let price = row.split(separator: ",")[4]
            return #"{"e":"trade","E":\#(time),"s":"BTCUSDT","t":\#(index + 1),"p":"\#(price)","q":"1","T":\#(time),"#
                + #""m":false,"M":true}"#
        }
        return try write(trades, as: "\(name).ndjson")
    }

    /// Replays to the end; what it printed and said. A failure is the test's.
    static func replay(_ arguments: [String]) throws -> (output: String, error: String) {
        let (status, output, error) = try Tickline.run(["replay"] + arguments)
        guard status == 0 else { throw ConditionTimeout(description: "status \(status): \(error)") }
        return (output, error)
    }
}
