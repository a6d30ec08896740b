// Costs of single parts, in one process. Each area has its benchmarks in a file of its own.
//
// usage: MicroBenchmarks [RECORDING...], decompressed, one message a line

Runner.run(
    RingBenchmarks.all + SMABenchmarks.all + SignalBenchmarks.all
        + CommandLine.arguments.dropFirst().map(DecoderBenchmarks.recording))
