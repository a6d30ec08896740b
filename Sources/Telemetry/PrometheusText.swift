/// Renders a registry in Prometheus' text exposition format 0.0.4.
///
/// Source: prometheus.io/docs/instrumenting/exposition_formats. Values print as integers where they are, otherwise as
/// the shortest decimal; label values are escaped (`\`, `"`, newline).
public enum PrometheusText {
    /// The `Content-Type` of the format.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// All metrics of `registry`. Allocates; O(series). Runs the read closures.
    public static func render(_ registry: MetricsRegistry) -> String {
        registry.withFamilies { families in
            var text = ""
            text.reserveCapacity(64 * 1024)
            for family in families where !family.series.isEmpty {
                text += "# HELP \(family.name) \(escape(help: family.help))\n"
                text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
                for series in family.series { append(series, of: family, to: &text) }
            }
            return text
        }
    }

    private static func append(
        _ series: MetricsRegistry.Series, of family: MetricsRegistry.Family, to text: inout String
    ) {
        guard family.kind == .histogram else {
            let value = MetricsRegistry.value(series, family.kind)
            text += "\(family.name)\(braces(series.labels)) \(number(value))\n"
            return
        }
        let snapshot = MetricsRegistry.snapshot(series)
        let count = snapshot.count
        for (bound, countUpToBound) in zip(LatencySnapshot.prometheusBoundsNanos, snapshot.prometheusCounts()) {
            let labels = braces(series.labels, bound: seconds(bound))
            text += "\(family.name)_bucket\(labels) \(countUpToBound)\n"
        }
        text += "\(family.name)_bucket\(braces(series.labels, bound: "+Inf")) \(count)\n"
        text += "\(family.name)_sum\(braces(series.labels)) \(seconds(snapshot.sumNanos))\n"
        text += "\(family.name)_count\(braces(series.labels)) \(count)\n"
    }

    private static func braces(_ labels: MetricLabels, bound: String? = nil) -> String {
        var parts = labels.map { "\($0.name)=\"\(escape(value: $0.value))\"" }
        if let bound { parts.append("le=\"\(bound)\"") }
        return parts.isEmpty ? "" : "{\(parts.joined(separator: ","))}"
    }

    private static func number(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return "\(whole)" }
        if value.isNaN { return "NaN" }
        return value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : "\(value)"
    }

    /// Nanoseconds as seconds, exactly.
    private static func seconds(_ nanos: UInt64) -> String {
        let (whole, fraction) = nanos.quotientAndRemainder(dividingBy: 1_000_000_000)
        let digits = String(fraction)
        return "\(whole)." + String(repeating: "0", count: 9 - digits.count) + digits
    }

    /// Scalars, not characters: to Swift a carriage return with a newline, or a quote with a combining mark, is one
    /// character that equals neither, and would pass unescaped.
    private static func escape(value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    private static func escape(help: String) -> String {
        var text = ""
        for scalar in help.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
