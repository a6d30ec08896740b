// Costs of single parts, in one process. Each area has its benchmarks in a file of its own.

Runner.run(RingBenchmarks.all + SMABenchmarks.all)
