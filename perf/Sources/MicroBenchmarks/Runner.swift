import ThreadExecutor
import TradingModel

/// One measured piece of work.
struct Benchmark: Sendable {
    /// What one operation is, as the table names it.
    let name: String
    /// Operations of one run.
    let operations: Int
    /// Does one run of all operations and returns nanoseconds taken; set-up stays outside of what it times.
    let run: @Sendable () -> UInt64
}

/// Runs benchmarks interleaved, so that a slow phase of the machine falls on all of them, and prints a Markdown table.
enum Runner {
    /// Runs that are not counted, for caches and page faults.
    static let warmUpRuns = 1
    /// Counted runs of each benchmark.
    static let countedRuns = 9

    /// Runs all benchmarks; about 0.1 s for each run.
    static func run(_ benchmarks: [Benchmark]) {
        var samples = [[Double]](repeating: [], count: benchmarks.count)
        for round in 0..<(warmUpRuns + countedRuns) {
            for (index, benchmark) in benchmarks.enumerated() {
                let nanos = benchmark.run()
                if round >= warmUpRuns { samples[index].append(Double(nanos) / Double(benchmark.operations)) }
            }
        }
        print("| operation | median ns | best ns | operations × runs |")
        print("|---|---:|---:|---:|")
        for (benchmark, values) in zip(benchmarks, samples) {
            let sorted = values.sorted()
            let row = [text(sorted[sorted.count / 2]), text(sorted[0]), "\(benchmark.operations) × \(sorted.count)"]
            print("| \(benchmark.name) | \(row.joined(separator: " | ")) |")
        }
    }

    /// One decimal, without Foundation.
    private static func text(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// Nanoseconds `body` takes.
    static func time(_ body: () -> Void) -> UInt64 {
        let start = MonotonicClock.now().rawValue
        body()
        return MonotonicClock.now().rawValue - start
    }
}
