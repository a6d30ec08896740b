import Foundation

/// Debian's Prometheus of a test's own on a free port of 127.0.0.1, scraping every second, its data in a temporary folder.
public final class PrometheusServer: Sendable {
    /// One series of an answer and its value.
    public struct Sample: Sendable {
        /// The labels, without the metric's name.
        public let labels: [String: String]
        /// The value, NaN where Prometheus says so.
        public let value: Double
    }

    private struct Answer<Payload: Decodable>: Decodable { let data: Payload }
    private struct Vector: Decodable {
        struct Row: Decodable {
            let metric: [String: String]
            let value: [Scalar]
        }
        let result: [Row]
    }
    /// A time is a number, a value is text.
    private enum Scalar: Decodable {
        case time(Double)
        case value(Double)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            do {
                self = .time(try container.decode(Double.self))
            } catch is DecodingError {
                self = .value(Double(try container.decode(String.self)) ?? .nan)
            }
        }
    }
    private struct Targets: Decodable {
        struct Target: Decodable {
            let health: String
            let lastError: String
        }
        let activeTargets: [Target]
    }

    /// Most series a scrape may bring: one more is an error of the scrape.
    public static let mostSeries = 2_000

    private let process: ServerProcess
    private let folder: TemporaryFolder
    private let port: Int

    /// Starts it on `targets`, ports of 127.0.0.1 by the value of their label `role`, and waits until it answers.
    public init(targets: [String: Int]) async throws {
        folder = try TemporaryFolder("tickline-prometheus")
        port = freePort()
        let listeners = targets.map { "{targets: ['127.0.0.1:\($0.value)'], labels: {role: \($0.key)}}" }
        let configuration = """
            global: {scrape_interval: 1s, scrape_timeout: 1s}
            scrape_configs:
              - job_name: tickline
                sample_limit: \(Self.mostSeries)
                static_configs: [\(listeners.joined(separator: ", "))]
            """
        let file = folder.url.appendingPathComponent("prometheus.yml")
        try Data(configuration.utf8).write(to: file)
        process = try ServerProcess(
            "prometheus",
            [
                "--config.file=\(file.path)", "--storage.tsdb.path=\(folder.path)/data",
                "--web.listen-address=127.0.0.1:\(port)", "--log.level=warn",
            ], folder: folder.url, name: "prometheus")
        let ready = URL(string: "http://127.0.0.1:\(port)/-/ready")!
        try await waitUntil("prometheus answers: \(process.output)", timeout: .seconds(60)) {
            let answer = try? await HTTPClient.get(ready)  // refused until it listens
            return answer?.1 == 200
        }
    }

    deinit {
        process.stop(SIGKILL)
        folder.remove()
    }

    /// What it printed: warnings and errors.
    public var output: String { process.output }

    /// Evaluates an expression now.
    public func query(_ expression: String) async throws -> [Sample] {
        let encoded = expression.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return try await get("query?query=\(encoded)", Vector.self).result.map { row in
            guard row.value.count == 2, case .value(let value) = row.value[1] else {
                throw ConditionTimeout(description: "not an instant vector: \(expression)")
            }
            return Sample(labels: row.metric.filter { $0.key != "__name__" }, value: value)
        }
    }

    /// Evaluates an expression that has one series; NaN where it has none or several.
    public func number(_ expression: String) async throws -> Double {
        let samples = try await query(expression)
        return samples.count == 1 ? samples[0].value : .nan
    }

    /// What kept the last scrape of a target from being taken, one line a target; empty where all is well.
    public func scrapeErrors() async throws -> [String] {
        try await get("targets?state=active", Targets.self).activeTargets
            .filter { $0.health != "up" || !$0.lastError.isEmpty }.map { "\($0.health): \($0.lastError)" }
    }

    private func get<Payload: Decodable>(_ path: String, _ type: Payload.Type) async throws -> Payload {
        let (body, status) = try await HTTPClient.get(URL(string: "http://127.0.0.1:\(port)/api/v1/\(path)")!)
        guard status == 200 else { throw ConditionTimeout(description: String(decoding: body, as: UTF8.self)) }
        return try JSONDecoder().decode(Answer<Payload>.self, from: body).data
    }
}
