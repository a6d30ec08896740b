// Runs hot paths in a release build, between markers that a preloaded counting library hooks.
//
//   hotpath-probe engine N     N ticks: feed ring -> engine -> sink and record ring
//   hotpath-probe feed N       N trades, books between: websocket on a loopback socket -> feed's thread -> ring
//   hotpath-probe sink N URL [CAFILE]   N signals: engine's thread -> Redis at URL, its certificate verified against CAFILE
//   hotpath-probe control      one allocation, one retain, one release per iteration: the counters must see them
//   hotpath-probe store N PATH N rows into a new SQLite store
//   hotpath-probe ring N       two threads, N records, order and loss checked
//   hotpath-probe run SECONDS  all threads of a run between an exchange and the records: a feed whose connections replace each
//                              other, the engine, the history's fetcher, and a journal that recycles its segments meanwhile
//
// Prints one JSON line. See Tests/HotPathTests.

import Glibc
import Journal
import RingBuffer
import StrategyEngine
import Synchronization
import Telemetry
import ThreadExecutor
import TradingModel

/// A function of the preloaded library, or nothing without it.
func marker(_ name: String) -> (@convention(c) () -> Void)? {
    guard let symbol = dlsym(nil, name) else { return nil }
    return unsafeBitCast(symbol, to: (@convention(c) () -> Void).self)
}

/// Starts and ends counting; nothing without the library.
enum Probe {
    static let begin = marker("tickline_probe_begin")
    static let end = marker("tickline_probe_end")
}

/// A sink that keeps nothing: what is counted is the engine's own.
struct CountingSink: SignalSink, ~Copyable {
    static let published = Atomic<Int>(0)
    /// Gives the sink an address of its own, for the thread sanitizer.
    private var last: UInt64 = 0
    func hasRoom(for count: Int) -> Bool { true }
    mutating func publish(_ signal: borrowing Decision) -> PublishOutcome {
        last = signal.tickID
        Self.published.wrappingAdd(1, ordering: .relaxed)
        return .sent
    }
    mutating func flush() {}
}

/// Fifty bids and as many asks, and a closed and a forming kline; their ids are set as they are published.
private func sequences() -> (book: [Tick], klines: [Tick]) {
    let levels = (0..<50).map { BookLevel(price: 1, quantity: $0, priceDigits: 2, quantityDigits: 5) }
    let header = Tick(
        id: 0, exchangeTimeNanos: 0, receiveMonotonicNanos: 0, price: 0, quantity: -1,
        secondaryQuantity: 50 << 32 | 50, instrument: 0, kind: .depth, feed: 0)
    let book = BookUpdate(header: header, receiveTime: UnixNanos(rawValue: 0), bids: levels, asks: levels)
    let klines = [false, true].flatMap { isClosed in
        let slots = Kline(
            instrument: 0, feed: 0, interval: .oneSecond, isClosed: isClosed, openTime: UnixNanos(rawValue: 0),
            closeTime: UnixNanos(rawValue: 0), eventTime: UnixNanos(rawValue: .max),
            receiveMonotonic: MonotonicNanos(rawValue: 0), open: 1, high: 1, low: 1, close: 1, volume: 0, tradeCount: 0,
            firstTradeID: nil, lastTradeID: nil
        ).slots
        return [slots.0, slots.1]
    }
    return (book.slots, klines)
}

/// A pipeline whose record ring is emptied now and then only, so that the engine leaves it for the journal and comes back:
/// trades, behind every sixteenth a book
/// update of more than half a batch, and two klines. Behind every 4,096th trade the next three come in the opposite order, the
/// last of them as if refilled, so that the stream is on hold meanwhile. Every eighth trade comes by a second feed as well.
func runEngine(ticks: Int) async throws {
    let catalog = MarketCatalog(
        instruments: [InstrumentSpecification(instrument: Instrument(exchange: .simulator, symbol: "PROBE"))],
        strategies: [try SMACrossoverParameters(shortPeriod: 5, longPeriod: 20)])
    let metrics = MetricsRegistry()
    let parker = Parker()
    let feed = SPSCRing(capacitySlots: 1 << 14)
    let records = SPSCRing(capacitySlots: 1 << 14)
    var configuration = EngineConfiguration()
    configuration.priceBandPercent = 20
    configuration.refill = RefillConfiguration()
    configuration.redundancy = RedundancyConfiguration(feedNames: ["probe#0", "probe#1"], kinds: [[.trade]])
    // Room for all of them: the reader, which takes them, sleeps now and then.
    let requests = SPSCRing(capacitySlots: 1 << 10)
    let detour = RecordDetour()
    let journal = try ProbeJournal(JournalChain(.engine), tableEntries: 32_768, metrics: metrics)
    let engine = SMACrossoverActor(
        catalog: catalog, feeds: [feed], parker: parker, records: records, detour: detour,
        requests: RingProducer(requests), sink: CountingSink(),
        journal: EngineJournal(writer: journal.writer(), ringCount: 1, preface: []),
        configuration: configuration, metrics: metrics)
    let running = Task { await engine.run() }
    let drained = Atomic<Bool>(false)
    let stored = Atomic<Int>(0)
    let returns = Atomic<Int>(0)
    let reader = DedicatedThread(name: "reader") {
        let consumer = RingConsumer(records)
        let asked = RingConsumer(requests)
        usleep(100_000)
        while !drained.load(ordering: .acquiring) || consumer.occupancy > 0 {
            let slots = consumer.peek(most: 4_096, as: Tick.self)
            for slot in slots where slot.kind == RecordKind.depth.rawValue {
                stored.wrappingAdd(1, ordering: .relaxed)
            }
            consumer.release(count: slots.count)
            if slots.isEmpty, let left = detour.left { detour.askBack(from: left) }
            if detour.takeBack() != nil {
                returns.wrappingAdd(1, ordering: .relaxed)
                // The ring fills meanwhile.
                usleep(50_000)
            }
            asked.release(count: asked.peek(most: 64, as: Tick.self).count)
            usleep(200)
        }
    }
    let warmUp = 100_000
    let progress = Atomic<Int>(0)
    let producer = DedicatedThread(name: "producer") {
        let ring = RingProducer(feed, wakes: parker)
        var (book, klines) = sequences()
        var price: Int64 = 6_000_000
        var state: UInt64 = 1
        for id in 1...(warmUp + ticks) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            price += Int64(state >> 60) - 7
            if id == warmUp + 1 {
                while feed.occupancy > 0 { usleep(100) }
                Probe.begin?()
            }
            let shift = id >= 4_096 && id % 4_096 < 3 ? 2 - 2 * (id % 4_096) : 0
            var tick = Tick(
                id: UInt64(id + shift), exchangeTimeNanos: 0,
                receiveMonotonicNanos: MonotonicClock.now().rawValue,
                // Each thousandth price is outside the band.
                price: id % 1_000 == 0 ? price * 10 : price,
                quantity: 1, instrument: 0, kind: .trade, flags: shift < 0 ? .refilled : [], feed: 0)
            while !ring.tryWrite(tick) { spinPause() }
            if id % 8 == 0 {
                tick.feed = 1
                while !ring.tryWrite(tick) { spinPause() }
            }
            guard id % 16 == 0 else { continue }
            while ring.freeSlots < book.count + klines.count { spinPause() }
            book[0].id = UInt64(id)
            book[0].price = Int64(id - 15)
            for index in klines.indices where index % 2 == 0 { klines[index].id = UInt64(id) }
            for slot in book where !ring.tryWrite(slot) { fatalError("the ring was asked before") }
            for slot in klines where !ring.tryWrite(slot) { fatalError("the ring was asked before") }
            ring.publish()
        }
        ring.publish()
        while feed.occupancy > 0 { usleep(100) }
        Probe.end?()
        progress.store(1, ordering: .releasing)
    }
    producer.join()
    await engine.stop()
    await running.value
    engine.shutdown()
    drained.store(true, ordering: .releasing)
    reader.join()
    let accepted = Int(metrics.total("tickline_ticks_total"))
    let counts = [
        "\"returnsToRing\":\(returns.load(ordering: .relaxed))",
        "\"journaledMiB\":\(journal.finish() >> 20)", "\"ticks\":\(accepted)",
        "\"booksStored\":\(stored.load(ordering: .relaxed))",
        "\"gaps\":\(Int(metrics.total("tickline_gaps_total")))",
        "\"refilled\":\(Int(metrics.total("tickline_ticks_refilled_total")))",
        "\"firsts\":\(Int(metrics.total("tickline_redundant_wins_total")))",
        "\"signals\":\(CountingSink.published.load(ordering: .relaxed))",
    ]
    print("{\(counts.joined(separator: ","))}")
}

final class Box { var value = 0 }

func runControl() {
    Probe.begin?()
    var kept: [Box] = []
    kept.reserveCapacity(2_000)
    for index in 0..<1_000 {
        let box = Box()
        box.value = index
        kept.append(box)
        kept.append(box)
    }
    kept.removeAll()
    Probe.end?()
    print("{\"iterations\":1000}")
}

func runRing(total: UInt64) {
    let ring = SPSCRing(capacitySlots: 1 << 16)
    let parker = Parker()
    let faults = Atomic<Int>(0)
    let consumer = DedicatedThread(name: "consumer") {
        let end = RingConsumer(ring)
        var expected: UInt64 = 0
        while expected < total {
            let batch = end.peek(most: 256, as: Tick.self)
            if batch.isEmpty {
                parker.prepare()
                if ring.occupancy > 0 { parker.cancel() } else { parker.wait(timeoutNanos: 1_000_000_000) }
                continue
            }
            for tick in batch {
                if tick.id != expected || tick.price != Int64(truncatingIfNeeded: ~expected) {
                    faults.wrappingAdd(1, ordering: .relaxed)
                }
                expected &+= 1
            }
            end.release(count: batch.count)
        }
    }
    let producer = DedicatedThread(name: "producer") {
        let end = RingProducer(ring, wakes: parker)
        var next: UInt64 = 0
        while next < total {
            var staged = 0
            while staged < 32, next < total,
                end.tryWrite(
                    Tick(
                        id: next, exchangeTimeNanos: 0, receiveMonotonicNanos: 0,
                        price: Int64(truncatingIfNeeded: ~next), quantity: 0, instrument: 0, kind: .trade, feed: 0))
            {
                next &+= 1
                staged &+= 1
            }
            if staged > 0 { end.publish() } else { spinPause() }
        }
    }
    producer.join()
    consumer.join()
    let found = faults.load(ordering: .relaxed)
    print("{\"records\":\(total),\"faults\":\(found)}")
    exit(found == 0 ? 0 : 1)
}

let arguments = CommandLine.arguments
let amount = arguments.count > 2 ? Int(arguments[2]) ?? 0 : 0
switch arguments.count > 1 ? arguments[1] : "" {
case "engine": try await runEngine(ticks: amount)
case "control": runControl()
case "feed": try runFeed(trades: amount)
case "sink" where arguments.count > 3:
    try await runSink(signals: amount, url: arguments[3], caFile: arguments.count > 4 ? arguments[4] : nil)
case "store" where arguments.count > 3: try runStore(rows: amount, path: arguments[3])
case "ring": runRing(total: UInt64(amount))
case "run": try await runWhole(seconds: amount)
default:
    print(
        "usage: hotpath-probe engine N | feed N | sink N URL [CAFILE] | control | store N PATH | ring N | run SECONDS")
    exit(64)
}
