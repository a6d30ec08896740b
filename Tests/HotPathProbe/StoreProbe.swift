import Glibc
import SQLiteStore
import ThreadExecutor
import TradingModel

/// Writes trades of four instruments into a new SQLite store in batches of the store writer's size and prints how long it
/// took, the longest batch, and the resident memory after the first tenth and at the end.
func runStore(rows: Int, path: String) throws {
    let batchRows = 1_000
    let instruments = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"].map {
        InstrumentSpecification(instrument: Instrument(exchange: .simulator, symbol: $0))
    }
    let catalog = MarketCatalog(
        instruments: instruments, strategies: [try SMACrossoverParameters(shortPeriod: 5, longPeriod: 20)])
    var store = try SQLiteStore(
        path: path, retentionSeconds: 86_400, catalog: catalog, wallClock: { MonotonicClock.wallClock() })
    try store.prepare()
    var batch = StoreBatch()
    var (written, longestNanos, firstResidentKiB) = (0, UInt64(0), 0)
    let start = MonotonicClock.now()
    while written < rows {
        batch.removeAll()
        let now = MonotonicClock.wallClock()
        for offset in 0..<batchRows {
            let number = UInt64(written + offset)
            let tick = Tick(
                id: 3_735_683_000 + number / 4, exchangeTimeNanos: now.rawValue, receiveMonotonicNanos: 0,
                price: 6_182_650_000_000 + Int64(number % 100_000) * 1_000_000, quantity: 150_000 + Int64(number % 977),
                instrument: UInt32(number % 4), kind: .trade, feed: 0)
            batch.ticks.append(StoredTick(tick: tick, receiveTime: now))
        }
        let begin = MonotonicClock.now()
        let receipt = try store.write(batch)
        longestNanos = max(longestNanos, MonotonicClock.now().nanos(since: begin))
        written += receipt.inserted["ticks"] ?? 0
        if firstResidentKiB == 0, written >= rows / 10 { firstResidentKiB = residentKiB() }
    }
    let lastResidentKiB = residentKiB()
    store.close()
    let nanos = MonotonicClock.now().nanos(since: start)
    let perSecond = UInt64(Double(written) / (Double(nanos) / 1e9))
    print(
        "{\"rows\":\(written),\"rowsPerSecond\":\(perSecond),\"longestBatchMicros\":\(longestNanos / 1_000),"
            + "\"residentKiB\":[\(firstResidentKiB),\(lastResidentKiB)]}")
}

/// Resident memory of this process, from the second field of Linux' statm.
private func residentKiB() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var (total, resident) = (0, 0)
    let count = withUnsafeMutablePointer(to: &total) { total in
        withUnsafeMutablePointer(to: &resident) { resident in
            withVaList([total, resident]) { vfscanf(file, "%ld %ld", $0) }
        }
    }
    return count == 2 ? resident * sysconf(Int32(_SC_PAGESIZE)) / 1_024 : 0
}
