import TestSupport
import Testing

@testable import Telemetry

@Suite struct MetricsRegistryTests {
    @Test func `the same name and labels give the same counter`() {
        let registry = MetricsRegistry()
        let first = registry.counter("tickline_ticks_total", help: "Ticks.", labels: [("symbol", "A")])
        let second = registry.counter("tickline_ticks_total", help: "Ticks.", labels: [("symbol", "A")])
        let other = registry.counter("tickline_ticks_total", help: "Ticks.", labels: [("symbol", "B")])
        first.add()
        second.add(2)
        other.addFromOnlyWriter(4)
        #expect(first.value == 3)
        #expect(registry.total("tickline_ticks_total") == 7)
        #expect(registry.total("tickline_absent_total") == 0)
    }

    @Test func `series beyond the bound share one`() {
        let registry = MetricsRegistry()
        for index in 0..<(MetricsRegistry.mostSeriesPerMetric + 500) {
            registry.counter("tickline_ticks_total", help: "Ticks.", labels: [("symbol", "S\(index)")]).add()
        }
        let text = PrometheusText.render(registry)
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count == MetricsRegistry.mostSeriesPerMetric + 1)
        #expect(lines.last == "tickline_ticks_total{symbol=\"other\"} 500")
        #expect(registry.total("tickline_ticks_total") == Double(MetricsRegistry.mostSeriesPerMetric + 500))
    }

    @Test func `values asked for when shown are asked for`() {
        let registry = MetricsRegistry()
        registry.gauge("tickline_level", help: "Level.") { 2.5 }
        registry.gauge("tickline_unknown", help: "Unknown.") { .nan }
        registry.counter("tickline_kept_total", help: "Kept elsewhere.") { 12 }
        let text = PrometheusText.render(registry)
        #expect(text.contains("\ntickline_level 2.5\n"))
        #expect(text.contains("\ntickline_unknown NaN\n"))
        #expect(text.contains("\ntickline_kept_total 12\n"))
    }

    @Test func `a label name that Prometheus refuses traps`() async {
        await #expect(processExitsWith: .failure) {
            _ = MetricsRegistry().counter("tickline_x_total", help: "X.", labels: [("not-a-name", "v")])
        }
        await #expect(processExitsWith: .failure) {
            _ = MetricsRegistry().histogram("tickline_x_seconds", help: "X.", labels: [("le", "v")])
        }
        await #expect(processExitsWith: .failure) {
            _ = MetricsRegistry().gauge("9lives", help: "X.")
        }
    }
}

@Suite struct PrometheusTextTests {
    static let hostile = [
        "", " ", "\"", "\\", "\n", "\r\n", "\"\u{301}", "\\\u{301}", "a\\", "\\n", "}", "{a=\"b\"} 1", "# HELP x",
        "\u{0}", "\u{7F}", "😀", "\u{2028}", "<script>alert(1)</script>", "\"\n# TYPE x counter\nx 1",
        String(repeating: "x", count: 10_000),
    ]

    @Test func `hostile label values pass promtool, one line each`() throws {
        let registry = MetricsRegistry()
        for value in Self.hostile {
            registry.counter("tickline_ticks_total", help: "With \\ and\r\nmore.", labels: [("symbol", value)]).add()
        }
        let text = PrometheusText.render(registry)
        #expect(text.utf8.count { $0 == 0x0A } == Self.hostile.count + 2)
        try Promtool.check(text)
    }

    @Test(arguments: [
        ("a\"b", #"a\"b"#), ("a\\b", #"a\\b"#), ("a\nb", #"a\nb"#), ("a\r\nb", "a\r\\nb"), ("\"\u{301}", "\\\"\u{301}"),
    ]) func `label values are escaped exactly`(value: String, shown: String) {
        let registry = MetricsRegistry()
        registry.gauge("tickline_level", help: "Level.", labels: [("symbol", value)]).set(1)
        #expect(PrometheusText.render(registry).hasSuffix("\ntickline_level{symbol=\"\(shown)\"} 1\n"))
    }

    @Test func `a histogram is cumulative and passes promtool`() throws {
        let registry = MetricsRegistry()
        let histogram = registry.histogram("tickline_tick_to_signal_seconds", help: "Latency.", labels: [("feed", "0")])
        for value in [1, 127, 128, 1_000, 1_000_000, 3_600_000_000_000] as [UInt64] { histogram.record(nanos: value) }
        let text = PrometheusText.render(registry)
        let counts = text.split(separator: "\n").filter { $0.contains("_bucket") }
            .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        #expect(counts == counts.sorted())
        #expect(counts.first == 2)
        #expect(counts.last == 6)
        #expect(text.contains("tickline_tick_to_signal_seconds_sum{feed=\"0\"} 3600.001001256\n"))
        #expect(text.contains("tickline_tick_to_signal_seconds_count{feed=\"0\"} 6\n"))
        try Promtool.check(text)
    }

    @Test func `promtool finds fault with a bad metric`() {
        #expect(throws: Promtool.Complaint.self) { try Promtool.check("tickline_x_total{a=\"\n\"} 1\n") }
    }
}
