// Costs of single parts, in one process. Each area adds its benchmarks in a file of its own.

let benchmarks = RingBenchmarks.all
Runner.run(benchmarks)
