import ExchangeSimulator
import Foundation
import Synchronization
import TestSupport
import Testing

/// One answer of the simulator's trade history, and what its body says.
struct HistoryAnswer: Sendable {
    var status: Int
    var headers: [String: String]
    var body: String

    /// The objects of the body, without their closing braces.
    var objects: [Substring] {
        body.split(separator: "}").map { $0.drop { "[,]".contains($0) } }.filter { !$0.isEmpty }
    }
    /// The ids of trades (`id`) or aggregate trades (`a`).
    var ids: [UInt64] { objects.compactMap { (field("id", of: $0) ?? field("a", of: $0)).flatMap { UInt64($0) } } }
    /// The exchange's error code.
    var code: Int? { field("code", of: Substring(body)).flatMap { Int($0) } }
    var usedWeight: Int? { headers["x-mbx-used-weight-1m"].flatMap { Int($0) } }
}

/// Asks once, over a connection of its own.
func ask(_ port: Int, _ path: String) async throws -> HistoryAnswer {
    try await onThread {
        let answer = try RawHTTPClient(port: port).get(path)
        return HistoryAnswer(status: answer.status, headers: answer.headers, body: answer.body)
    }
}

/// All objects from `fromID` on, a thousand at a time.
func askForAll(_ port: Int, _ path: String, fromID: UInt64 = 0) async throws -> [Substring] {
    var objects: [Substring] = []
    var next = fromID
    while true {
        let answer = try await ask(port, "\(path)&limit=1000&fromId=\(next)")
        #expect(answer.status == 200)
        guard let last = answer.ids.last else { return objects }
        objects += answer.objects
        next = last + 1
    }
}

/// Collects the answers the simulator says it gave.
final class AnswerCollector: Sendable {
    private let collected = Mutex<[RESTLedgerEntry]>([])
    var entries: [RESTLedgerEntry] { collected.withLock { $0 } }
    func record(_ entry: RESTLedgerEntry) { collected.withLock { $0.append(entry) } }
}

/// Runs `body` behind a replay that has reached its end, with the client that asked for it still connected.
func withFinishedReplay(
    _ configuration: SimulatorConfiguration, streams: String, _ body: (_ port: Int) async throws -> Void
) async throws {
    try await withSimulator(configuration) { simulator, port in
        _ = try await WebSocketTestClient(port: port, path: "/stream?streams=\(streams)")
        try await waitUntil("the end of the replay") { simulator.statistics.isFinished }
        try await body(port)
    }
}
