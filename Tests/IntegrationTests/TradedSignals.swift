import Foundation
import TestSupport
import Testing

extension SampleSignals {
    /// Expects of the store and of the paper venue's log, in what is theirs, the orders that these signals come to, traded at 0.01 with a short
    /// target, each once, filled, and nothing else; how many are not there, and how many times one was made or executed again.
    func compareWithOrders(
        in database: String = "btc_data", of mongo: MongoServer
    ) throws -> (lost: Int, doubled: Int) {
        let reference = reference
        let store = ["--mongo", mongo.uri, "--mongo-database", database]
        let lines = try Tickline.run(["orders", "--json", "--limit", "100000"] + store).output.split(separator: "\n")
        let orders = try lines.map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String])
        }.filter { $0["id"]?.hasPrefix("\(key):") == true }
        let ids = orders.compactMap { $0["id"] }
        #expect(ids == reference.orders)
        #expect(orders.allSatisfy { $0["state"] == "filled" && $0["filled"] == "0.01" })
        // The venue's own word: what it executed, of which order.
        let executed = try executions(in: database, mongo)
        #expect(executed.count == reference.orders.count && executed.allSatisfy { $0.value == 1 })
        let held = try TradingReference.shown("positions", store).first { $0["instrument"] == "binance:\(symbol)" }
        #expect(held?["quantity"] == (reference.held == 1 ? "0.01" : "-0.01"))
        return (
            Set(reference.orders).subtracting(ids).count + max(0, reference.orders.count - executed.count),
            ids.count - Set(ids).count + executed.values.reduce(0) { $0 + $1 - 1 }
        )
    }

    /// How often the paper venue executed each order.
    private func executions(in database: String, _ mongo: MongoServer) throws -> [String: Int] {
        let reply = try mongo.run(
            #"""
            {"aggregate": "paper_log", "cursor": {"batchSize": 100000}, "pipeline": [
              {"$match": {"kind": "fill", "account": "paper:\#(stream)"}}, {"$group": {"_id": "$clientOrderId", "count": {"$sum": 1}}}]}
            """#, database: database)
        let rows = (reply["cursor"] as? [String: Any])?["firstBatch"] as? [[String: Any]] ?? []
        return Dictionary(
            uniqueKeysWithValues: rows.map { row in
                let count = (row["count"] as? [String: String])?["$numberInt"] ?? ""
                return (row["_id"] as? String ?? "", Int(count) ?? 0)
            })
    }
}
