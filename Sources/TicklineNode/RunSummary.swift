import Foundation
import Telemetry

/// What a run did, for the operator at its end and for the measuring harness.
public struct RunSummary: Sendable {
    /// One latency's percentiles in nanoseconds.
    public struct Stage: Sendable, Equatable, Codable {
        /// Number of samples.
        public var count: UInt64
        /// Percentiles and the exact maximum, nanoseconds.
        public var p50, p90, p99, p999, max: UInt64
        /// The histogram's buckets that are not empty, `[highest nanoseconds, count]`, ascending: what can be added up
        /// over several runs, which percentiles cannot.
        public var buckets: [[UInt64]]
    }

    /// Counts by name, in the order shown.
    public var counts: [(name: String, value: UInt64)]
    /// Latencies by name, in the order shown.
    public var stages: [(name: String, stage: Stage)]

    /// Reads the metrics of a run; histograms without samples are left out.
    public init(metrics: MetricsRegistry) {
        func total(_ name: String) -> UInt64 { UInt64(max(0, metrics.total(name))) }
        counts = [
            ("ticks", total("tickline_ticks_total")), ("repeated", total("tickline_ticks_repeated_total")),
            ("signals", total("tickline_signals_total")),
            ("published", total("tickline_published_total")),
            ("already_there", total("tickline_published_already_total")), ("gaps", total("tickline_gaps_total")),
            ("missing", total("tickline_ticks_missing_total")), ("dropped", total("tickline_dropped_total")),
            ("refused", total("tickline_decode_errors_total")), ("reconnects", total("tickline_reconnects_total")),
            ("stored", total("tickline_store_documents_total")),
        ]
        var stages: [(String, LatencySnapshot)] = [
            ("tick_to_decision", metrics.snapshot("tickline_tick_to_decision_seconds")),
            ("tick_to_signal", metrics.snapshot("tickline_tick_to_signal_seconds")),
        ]
        for stage in ["decode", "queue", "decide", "send", "redis_reply", "store"] {
            stages.append((stage, metrics.snapshot("tickline_stage_seconds", labels: [("stage", stage)])))
        }
        self.stages = stages.filter { $0.1.count > 0 }.map { name, snapshot in
            let stage = Stage(
                count: snapshot.count, p50: snapshot.nanos(atFraction: 0.5), p90: snapshot.nanos(atFraction: 0.9),
                p99: snapshot.nanos(atFraction: 0.99), p999: snapshot.nanos(atFraction: 0.999),
                max: snapshot.maximumNanos,
                buckets: snapshot.occupiedBuckets.map { [$0.highestNanos, $0.count] })
            return (name, stage)
        }
    }

    /// The summary as aligned text.
    public var text: String {
        let counted = counts.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
        func row(_ columns: [String]) -> String {
            columns.enumerated().map { index, column in
                let padding = String(repeating: " ", count: max(0, (index == 0 ? 17 : 11) - column.count))
                return index == 0 ? column + padding : padding + column
            }.joined()
        }
        let header = row(["latency", "samples", "p50", "p90", "p99", "p99.9", "max"])
        let rows = stages.map { name, stage in
            row(
                [name, "\(stage.count)"]
                    + [stage.p50, stage.p90, stage.p99, stage.p999, stage.max].map(Self.duration))
        }
        return (["", counted, "", header] + rows).joined(separator: "\n")
    }

    /// The summary as one JSON object: `counts`, and `stages` in nanoseconds.
    public var json: Data {
        get throws {
            struct Document: Encodable {
                let counts: [String: UInt64]
                let stages: [String: Stage]
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            return try encoder.encode(
                Document(
                    counts: Dictionary(uniqueKeysWithValues: counts.map { ($0.name, $0.value) }),
                    stages: Dictionary(uniqueKeysWithValues: stages.map { ($0.name, $0.stage) })))
        }
    }

    /// Nanoseconds with three significant digits in the unit that reads best.
    static func duration(_ nanos: UInt64) -> String {
        let units: [(Double, String)] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")]
        for (size, unit) in units where Double(nanos) >= size {
            let value = Double(nanos) / size
            return String(format: value >= 100 ? "%.0f %@" : value >= 10 ? "%.1f %@" : "%.2f %@", value, unit)
        }
        return "\(nanos) ns"
    }
}
