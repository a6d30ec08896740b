import Synchronization

/// A metric's label set; order is kept as given.
public typealias MetricLabels = [(name: String, value: String)]

/// All metrics of a process: it owns their memory and renders them for Prometheus.
///
/// Asking for a metric again with the same name and labels returns the same one for counters and gauges. For histograms
/// each call gives a new single-writer recorder, and recorders of one series are added up when shown. Registering and
/// rendering take a lock and allocate; recording does neither. Names and labels are checked against Prometheus' grammar,
/// a breach is our own mistake and traps; label *values* may be anything and are escaped.
public final class MetricsRegistry: Sendable {
    /// Most series of one metric name. Values that come from outside can't grow a metric without bound: further series
    /// share one labelled `other`.
    public static let mostSeriesPerMetric = 1_000

    struct Series {
        var labels: MetricLabels
        var cells: [UnsafeMutablePointer<Atomic<UInt64>>]
        var read: (@Sendable () -> Double)?
    }

    enum Kind: String { case counter, gauge, histogram }

    struct Family {
        let name: String
        let help: String
        let kind: Kind
        var series: [Series] = []
        var positions: [String: Int] = [:]
    }

    // Unchecked pointers inside: only their atomic operations are used, and the memory lives as long as the registry.
    private struct State: @unchecked Sendable {
        var families: [Family] = []
        var positions: [String: Int] = [:]
        var allocations: [(cells: UnsafeMutablePointer<Atomic<UInt64>>, count: Int)] = []

        mutating func allocate(_ count: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
            let cells = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: count)
            for index in 0..<count { (cells + index).initialize(to: Atomic(0)) }
            allocations.append((cells, count))
            return cells
        }
    }

    private let state = Mutex(State())

    /// Creates an empty registry.
    public init() {}

    deinit {
        state.withLock { state in
            for allocation in state.allocations {
                allocation.cells.deinitialize(count: allocation.count)
                allocation.cells.deallocate()
            }
        }
    }

    /// A counter; the name ends in `_total`.
    public func counter(_ name: String, help: String, labels: MetricLabels = []) -> Counter {
        precondition(name.hasSuffix("_total"), "a counter's name ends in _total: \(name)")
        return state.withLock { state in
            Counter(cell: series(&state, name, help, .counter, labels) { $0.allocate(1) })
        }
    }

    /// A further part of a counter, for one writer of its own; the parts of one series are added up when shown.
    public func counterPart(_ name: String, help: String, labels: MetricLabels = []) -> Counter {
        precondition(name.hasSuffix("_total"), "a counter's name ends in _total: \(name)")
        return state.withLock { state in
            let position = family(&state, name, help, .counter)
            let index = seriesIndex(&state.families[position], labels)
            precondition(state.families[position].series[index].read == nil, "\(name) is registered as a read metric")
            let cell = state.allocate(1)
            state.families[position].series[index].cells.append(cell)
            return Counter(cell: cell)
        }
    }

    /// A gauge.
    public func gauge(_ name: String, help: String, labels: MetricLabels = []) -> Gauge {
        state.withLock { state in Gauge(cell: series(&state, name, help, .gauge, labels) { $0.allocate(1) }) }
    }

    /// A gauge whose value is asked for when shown; `read` runs on the scraping thread and must not block.
    public func gauge(
        _ name: String, help: String, labels: MetricLabels = [], read: @escaping @Sendable () -> Double
    ) {
        readable(name, help, .gauge, labels, read)
    }

    /// A counter whose value is asked for when shown, for counts kept elsewhere (the kernel's, a library's).
    public func counter(
        _ name: String, help: String, labels: MetricLabels = [], read: @escaping @Sendable () -> Double
    ) {
        precondition(name.hasSuffix("_total"), "a counter's name ends in _total: \(name)")
        readable(name, help, .counter, labels, read)
    }

    private func readable(
        _ name: String, _ help: String, _ kind: Kind, _ labels: MetricLabels, _ read: @escaping @Sendable () -> Double
    ) {
        state.withLock { state in
            let position = family(&state, name, help, kind)
            let key = Self.key(labels)
            Self.check(labels, of: name)
            precondition(state.families[position].positions[key] == nil, "a read metric is registered once: \(name)")
            state.families[position].positions[key] = state.families[position].series.count
            state.families[position].series.append(Series(labels: labels, cells: [], read: read))
        }
    }

    /// A new single-writer recorder of the latency series with this name and labels; the name ends in `_seconds`.
    public func histogram(_ name: String, help: String, labels: MetricLabels = []) -> LatencyHistogram {
        precondition(name.hasSuffix("_seconds"), "a latency's name ends in _seconds: \(name)")
        return state.withLock { state in
            let position = family(&state, name, help, .histogram)
            let cells = state.allocate(LatencyHistogram.cellCount)
            let index = seriesIndex(&state.families[position], labels)
            state.families[position].series[index].cells.append(cells)
            return LatencyHistogram(cells: cells)
        }
    }

    /// What all recorders of a latency series have recorded; empty where there is none.
    public func snapshot(_ name: String, labels: MetricLabels = []) -> LatencySnapshot {
        state.withLock { state in
            guard let position = state.positions[name],
                let index = state.families[position].positions[Self.key(labels)]
            else { return .empty }
            return Self.snapshot(state.families[position].series[index])
        }
    }

    /// The sum over all series of a counter or gauge, 0 where there is none.
    public func total(_ name: String) -> Double {
        state.withLock { state in
            guard let position = state.positions[name] else { return 0 }
            let family = state.families[position]
            return family.series.reduce(0) { $0 + Self.value($1, family.kind) }
        }
    }

    /// Calls `body` with a copy of every family, for rendering.
    func withFamilies<Result>(_ body: ([Family]) -> Result) -> Result {
        state.withLock { body($0.families) }
    }

    static func value(_ series: Series, _ kind: Kind) -> Double {
        if let read = series.read { return read() }
        if kind == .gauge { return Double(bitPattern: series.cells[0].pointee.load(ordering: .relaxed)) }
        return Double(series.cells.reduce(0) { $0 &+ $1.pointee.load(ordering: .relaxed) })
    }

    static func snapshot(_ series: Series) -> LatencySnapshot {
        series.cells.reduce(.empty) { $0.merged(with: LatencyHistogram(cells: $1).snapshot()) }
    }

    private func series(
        _ state: inout State, _ name: String, _ help: String, _ kind: Kind, _ labels: MetricLabels,
        make: (inout State) -> UnsafeMutablePointer<Atomic<UInt64>>
    ) -> UnsafeMutablePointer<Atomic<UInt64>> {
        let position = family(&state, name, help, kind)
        let index = seriesIndex(&state.families[position], labels)
        precondition(state.families[position].series[index].read == nil, "\(name) is registered as a read metric")
        if let cell = state.families[position].series[index].cells.first { return cell }
        let cell = make(&state)
        state.families[position].series[index].cells.append(cell)
        return cell
    }

    private func seriesIndex(_ family: inout Family, _ labels: MetricLabels) -> Int {
        if let known = family.positions[Self.key(labels)] { return known }
        var labels = labels
        Self.check(labels, of: family.name)
        if family.series.count >= Self.mostSeriesPerMetric { labels = labels.map { ($0.name, "other") } }
        let key = Self.key(labels)
        if let known = family.positions[key] { return known }
        family.positions[key] = family.series.count
        family.series.append(Series(labels: labels, cells: [], read: nil))
        return family.series.count - 1
    }

    private func family(_ state: inout State, _ name: String, _ help: String, _ kind: Kind) -> Int {
        if let position = state.positions[name] {
            precondition(state.families[position].kind == kind, "\(name) is registered as another kind")
            return position
        }
        precondition(Self.isMetricName(name), "not a metric name: \(name)")
        state.positions[name] = state.families.count
        state.families.append(Family(name: name, help: help, kind: kind))
        return state.families.count - 1
    }

    /// Label names are ours, so a wrong one traps. `le` belongs to histograms, names with `__` to Prometheus.
    private static func check(_ labels: MetricLabels, of metric: String) {
        for (position, label) in labels.enumerated() {
            precondition(
                isMetricName(label.name) && label.name != "le" && !label.name.hasPrefix("__"),
                "not a label name: \(label.name) of \(metric)")
            precondition(
                !labels[..<position].contains { $0.name == label.name }, "label \(label.name) of \(metric) twice")
        }
    }

    private static func isMetricName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { $0 == 0x5F || (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
    }

    private static func key(_ labels: MetricLabels) -> String {
        labels.map { "\($0.name)\u{1}\($0.value)" }.joined(separator: "\u{2}")
    }
}
