import Histogram
import Synchronization
import TestSupport
import Testing

@testable import Telemetry

@Suite struct LatencyHistogramTests {
    static let name = "tickline_test_seconds"

    @Test func `bucket bounds are exact and leave no gap`() {
        var next: UInt64 = 0
        for index in 0..<LatencyHistogram.bucketCount {
            let upper = LatencyHistogram.upperBound(ofBucket: index)
            #expect(LatencyHistogram.bucket(of: next) == index)
            #expect(LatencyHistogram.bucket(of: upper) == index)
            #expect(upper >= next)
            // The width over the lowest value is the relative error.
            #expect((upper - next) * 128 <= next || upper == next)
            next = upper + 1
        }
        #expect(next == 1 << 40)
        #expect(LatencyHistogram.bucket(of: next) == LatencyHistogram.bucketCount - 1)
        #expect(LatencyHistogram.bucket(of: .max) == LatencyHistogram.bucketCount - 1)
    }

    @Test func `the bounds shown to Prometheus are bucket bounds`() {
        let bounds = LatencySnapshot.prometheusBoundsNanos
        #expect(bounds == bounds.sorted())
        for bound in bounds {
            #expect(LatencyHistogram.upperBound(ofBucket: LatencyHistogram.bucket(of: bound)) == bound)
        }
    }

    /// Three shapes a latency takes: uniform, long-tailed, and two humps.
    enum Shape: CaseIterable {
        case uniform, longTail, humps

        func sample(_ random: inout SeededRandom) -> UInt64 {
            switch self {
            case .uniform: .random(in: 1...1_000_000, using: &random)
            case .longTail: 1 << UInt64.random(in: 0...36, using: &random) + UInt64.random(in: 0...999, using: &random)
            case .humps:
                Bool.random(using: &random)
                    ? .random(in: 900...1_100, using: &random) : .random(in: 50_000_000...60_000_000, using: &random)
            }
        }
    }

    @Test(arguments: Shape.allCases) func `percentiles agree with HdrHistogram`(shape: Shape) {
        let seed = UInt64.random(in: 0 ... .max)
        print("LatencyHistogramTests \(shape) seed \(seed)")
        var random = SeededRandom(seed: seed)
        let registry = MetricsRegistry()
        let ours = registry.histogram(Self.name, help: "Test.")
        var theirs = Histogram<UInt64>(
            lowestDiscernibleValue: 1, highestTrackableValue: 1 << 40, numberOfSignificantValueDigits: .four)
        var exact: [UInt64] = []
        var sum: UInt64 = 0
        for _ in 0..<100_000 {
            let value = shape.sample(&random)
            ours.record(nanos: value)
            theirs.record(value)
            exact.append(value)
            sum += value
        }
        exact.sort()
        let snapshot = registry.snapshot(Self.name)
        #expect(snapshot.count == 100_000)
        #expect(snapshot.sumNanos == sum)
        #expect(snapshot.maximumNanos == exact.last)
        for percentile in [0, 1, 10, 50, 90, 99, 99.9, 99.99, 100] {
            let value = snapshot.nanos(atFraction: percentile / 100)
            let reference = Double(theirs.valueAtPercentile(percentile))
            let rank = max(1, Int((percentile / 100 * 100_000).rounded(.up)))
            let truth = exact[rank - 1]
            #expect(value >= truth && Double(value) <= Double(truth) * (1 + 1.0 / 128), "p\(percentile) seed \(seed)")
            // HdrHistogram rounds within 1/10,000 of its own; both errors add up.
            #expect(abs(Double(value) - reference) <= reference * (1.0 / 128 + 2e-4) + 1, "p\(percentile) seed \(seed)")
        }
    }

    final class Writer: Sendable { let isDone = Atomic(false) }

    @Test func `a reader beside the writer never sees a count fall or a broken sum`() async throws {
        let registry = MetricsRegistry()
        let histogram = registry.histogram(Self.name, help: "Test.")
        let records: UInt64 = 300_000
        let writer = Writer()
        let reads = await withTaskGroup(of: Int.self) { group in
            group.addTask {
                for value in 0..<records { histogram.record(nanos: value % 5_000) }
                writer.isDone.store(true, ordering: .releasing)
                return 0
            }
            group.addTask {
                var last: UInt64 = 0
                var reads = 0
                while !writer.isDone.load(ordering: .acquiring) {
                    let count = registry.snapshot(Self.name).count
                    #expect(count >= last)
                    last = count
                    reads += 1
                }
                return reads
            }
            return await group.reduce(0, +)
        }
        print("LatencyHistogramTests: \(reads) reads beside \(records) records")
        let snapshot = registry.snapshot(Self.name)
        #expect(snapshot.count == records)
        #expect(snapshot.sumNanos == records / 5_000 * (4_999 * 5_000 / 2))
        #expect(snapshot.maximumNanos == 4_999)
    }

    @Test func `recorders of one series are added up`() {
        let registry = MetricsRegistry()
        let first = registry.histogram(Self.name, help: "Test.", labels: [("stage", "a")])
        let second = registry.histogram(Self.name, help: "Test.", labels: [("stage", "a")])
        let other = registry.histogram(Self.name, help: "Test.", labels: [("stage", "b")])
        first.record(nanos: 10, times: 3)
        second.record(nanos: 1_000)
        other.record(nanos: 5)
        let snapshot = registry.snapshot(Self.name, labels: [("stage", "a")])
        #expect(snapshot.count == 4)
        #expect(snapshot.sumNanos == 1_030)
        #expect(snapshot.maximumNanos == 1_000)
        #expect(registry.snapshot(Self.name, labels: [("stage", "c")]).count == 0)
    }

    @Test func `an empty histogram answers 0`() {
        #expect(LatencySnapshot.empty.nanos(atFraction: 0.99) == 0)
    }

    @Test func `values beyond the range count in the last bucket and keep their maximum`() {
        let registry = MetricsRegistry()
        let histogram = registry.histogram(Self.name, help: "Test.")
        histogram.record(nanos: 1 << 50)
        let snapshot = registry.snapshot(Self.name)
        #expect(snapshot.count == 1)
        #expect(snapshot.maximumNanos == 1 << 50)
        #expect(snapshot.nanos(atFraction: 0.5) <= 1 << 50)
    }
}
