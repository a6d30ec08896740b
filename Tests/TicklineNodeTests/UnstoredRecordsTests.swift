import Foundation
import Journal
import RingBuffer
import StrategyEngine
import Telemetry
import TestSupport
import Testing
import TradingModel

@testable import Replay
@testable import TicklineNode

/// Records that earlier runs had not stored: the numbers by which a run with other instruments and averages hands them over.
@Suite(.serialized, .timeLimit(.minutes(5))) struct UnstoredRecordsTests {
    private let folder = try! TemporaryFolder("tickline-unstored")

    private func description(
        _ symbols: [(String, decimals: Int)], longPeriods: [Int], source: RecordKind = .trade
    ) throws -> RunDescription {
        let catalog = MarketCatalog(
            instruments: symbols.map {
                InstrumentSpecification(
                    instrument: Instrument(exchange: .binance, symbol: $0.0), priceDecimals: $0.decimals,
                    averageSource: source)
            }, strategies: try longPeriods.map { try SMACrossoverParameters(shortPeriod: 1, longPeriod: $0) })
        return RunDescription(catalog: catalog, feeds: [], mostSlots: 8, priceBandPercent: nil)
    }

    private func names(_ description: RunDescription) throws -> [String] {
        try #require(description.signalCatalog).instruments.map { "\($0.instrument.symbol)/\($0.priceDecimals)" }
    }

    /// Puts them into the ring.
    private func publish(_ slots: [Tick], in ring: SPSCRing) {
        let producer = RingProducer(ring)
        for slot in slots where !producer.tryWrite(slot) { Issue.record("no room") }
        producer.publishQuietly()
    }

    /// What the slots in `ring` say, in order.
    private func slots(in ring: SPSCRing) -> [Tick] {
        let consumer = RingConsumer(ring)
        let slots = Array(consumer.peek(most: .max, as: Tick.self))
        consumer.release(count: slots.count)
        return slots
    }

    @Test func `names of several earlier runs stand behind the run's own, each once`() throws {
        let own = try description([("SOLUSDT", 8), ("ETHUSDT", 8)], longPeriods: [3])
        let before = try description([("BTCUSDT", 8), ("ETHUSDT", 8)], longPeriods: [2, 3])
        let first = try description([("BTCUSDT", 2), ("BTCUSDT", 8)], longPeriods: [2])
        let aggregates = try description([("ETHUSDT", 8)], longPeriods: [2], source: .aggregateTrade)
        let named = own.naming([before, first, aggregates])
        #expect(try names(named) == ["SOLUSDT/8", "ETHUSDT/8", "BTCUSDT/8", "BTCUSDT/2", "ETHUSDT/8"])
        let catalog = try #require(named.signalCatalog)
        #expect(catalog.strategies.map(\.longPeriod) == [3, 2])
        #expect(catalog.strategyName(instrument: 4, strategy: 1) == "sma-1-2@aggTrade")
        #expect(own.naming([own]) == own)
    }

    /// Every kind of record, each of another instrument than the one before.
    private func records() -> [[Tick]] {
        func tick(_ kind: RecordKind, _ instrument: UInt32) -> Tick {
            Tick(
                id: 7, exchangeTimeNanos: 1, receiveMonotonicNanos: 2, price: 3, quantity: 4, instrument: instrument,
                kind: kind, feed: 5)
        }
        let level = BookLevel(price: 1, quantity: 2, priceDigits: 3, quantityDigits: 4)
        let book = BookUpdate(
            header: tick(.depth, 1), receiveTime: UnixNanos(rawValue: 0),
            bids: Array(repeating: level, count: 7), asks: [level])
        let top = BookUpdate(
            header: tick(.partialDepth, 0), receiveTime: UnixNanos(rawValue: 0), bids: [level], asks: [])
        let kline = Kline(
            instrument: 1, feed: 5, interval: .oneHour, isClosed: true, openTime: UnixNanos(rawValue: 1),
            closeTime: UnixNanos(rawValue: 2), eventTime: UnixNanos(rawValue: 3),
            receiveMonotonic: MonotonicNanos(rawValue: 4), open: 5, high: 6, low: 7, close: 8, volume: 9,
            tradeCount: 10,
            firstTradeID: 11, lastTradeID: nil
        ).slots
        let gap = GapRecord(
            instrument: 0, kind: .depth, firstID: 1, lastID: 2, cause: .reconnect, feed: 5, beforeTimeNanos: 3,
            afterTimeNanos: 4, noticed: MonotonicNanos(rawValue: 5), refilledFrom: .twin)
        let decisions = [UInt16(0), 1].map { strategy in
            Decision(
                instrument: UInt32(1 - strategy), strategy: strategy, side: .sell, reason: .cross, tickID: 1, price: 2,
                shortSum: -3, longSum: 1 << 90, exchangeTime: UnixNanos(rawValue: 4),
                receiveTime: UnixNanos(rawValue: 5), receiveMonotonic: MonotonicNanos(rawValue: 6)
            ).slots
        }
        return [
            [tick(.trade, 0)], [tick(.aggregateTrade, 1)], [tick(.quote, 0)], book.slots, top.slots,
            [kline.0, kline.1], [gap.slot], [decisions[0].0, decisions[0].1], [decisions[1].0, decisions[1].1],
        ]
    }

    @Test func `every kind of record goes by the present run's numbers, marks and sessions as they are`() throws {
        let earlier = try description([("BTCUSDT", 8), ("ETHUSDT", 2)], longPeriods: [2, 3])
        let names = try description([("SOLUSDT", 8), ("ETHUSDT", 2)], longPeriods: [4, 3]).naming([earlier])
        let (before, now) = (try #require(earlier.signalCatalog), try #require(names.signalCatalog))
        let session = SessionRecord(
            event: .opened, feed: 1, connection: 2, wallOffsetNanos: 3, monotonic: MonotonicNanos(rawValue: 4)
        ).slot
        let mark = StoreMark(sequence: 1, feed: 1, takenSlots: 3).slot
        let played = records().flatMap { $0 } + [session, mark]
        let ring = SPSCRing(capacitySlots: 64)
        var transfer = RecordTransfer(names, playedSlots: 64, to: ring)
        publish(played, in: transfer.played)
        transfer.take(of: 1, earlier)
        let taken = slots(in: ring)
        try #require(taken.count == played.count)
        for (old, new) in zip(played, taken).dropLast(2) {
            #expect(before.instruments[Int(old.instrument)] == now.instruments[Int(new.instrument)])
            var back = new
            back.instrument = old.instrument
            if old.kind == RecordKind.decision.rawValue {
                let numbers = (Int(old.secondaryQuantity), Int(new.secondaryQuantity))
                #expect(before.strategies[numbers.0] == now.strategies[numbers.1])
                back.secondaryQuantity = old.secondaryQuantity
            }
            #expect(back == old)
        }
        #expect(taken.suffix(2) == [session, mark])
    }

    @Test func `what finds no room waits, in order and each once`() throws {
        let earlier = try description([("BTCUSDT", 8), ("ETHUSDT", 8)], longPeriods: [2])
        let names = try description([("ETHUSDT", 8)], longPeriods: [2]).naming([earlier])
        let ring = SPSCRing(capacitySlots: 4)
        var transfer = RecordTransfer(names, playedSlots: 16, to: ring)
        var (next, ids): (UInt64, [UInt64]) = (1, [])
        for _ in 0..<5 {
            // More than fits, and across the end of both rings.
            let fresh = (next..<next + 11).map {
                Tick(
                    id: $0, exchangeTimeNanos: 0, receiveMonotonicNanos: 0, price: 1, quantity: 1, instrument: 1,
                    kind: .trade, feed: 0)
            }
            publish(fresh, in: transfer.played)
            next += 11
            transfer.take(of: 1, earlier)
            while ring.occupancy > 0 {
                #expect(ring.occupancy <= 4)
                let taken = slots(in: ring)
                #expect(taken.allSatisfy { $0.instrument == 0 })
                ids += taken.map(\.id)
                transfer.takeWaiting()
            }
            let isEmpty = transfer.isEmpty
            #expect(isEmpty)
        }
        #expect(ids == Array(1..<next))
    }

    /// The journal of a run with these instruments that goes on from what `data` holds and is killed when all is decided; with a
    /// Redis that is not there, when all is received and there is no room for more signals.
    private func killed(
        _ data: String, _ symbols: [String], _ trades: ClosedRange<Int>, longPeriod: Int = 2, isPublished: Bool = false,
        as name: String
    ) async throws {
        let exchange = try await AlternatingExchange(
            first: trades.lowerBound, trades: trades.count * symbols.count, of: symbols, folder: folder.url)
        let life = try await NodeLife(
            folder.url.appendingPathComponent(data), redis: isPublished ? "redis://127.0.0.1:1" : nil,
            port: exchange.port, symbols: symbols, longPeriod: longPeriod, sizes: TakingOverTests.small, budgetMiB: 512)
        life.startFeeds()
        let all = trades.count * symbols.count
        try await waitUntil("all is taken, or received", timeout: .seconds(60)) {
            let taken = Int(life.metrics.total("tickline_ticks_total"))
            return isPublished
                ? life.received == all && life.metrics.total("tickline_engine_stalls_total") > 0 : taken == all
        }
        _ = try life.killed(name)
        await life.stop()
        await exchange.stop()
    }

    /// What a run with these names catches up with: ids of trades by symbol, and signals.
    private func caughtUp(
        _ journal: JournalFolder, _ names: RunDescription
    ) throws -> (trades: [String: [UInt64]], decisions: [String]) {
        let newest = try SegmentReader(path: try #require(journal.chains[JournalChain(.engine)]?.last).path)
        let last = newest.identity.firstSequence + UInt64(newest.countWholeEntries()) - 1
        let catalog = try #require(names.signalCatalog)
        let (metrics, errors) = (MetricsRegistry(), LoggedErrors())
        let backlog = JournalCatchUp(
            path: journal.path, run: newest.identity.run + 1, names: names,
            detour: RecordDetour(behind: 0, reached: last), metrics: metrics, logger: errors.logger)
        backlog.begin()
        var (trades, decisions): ([String: [UInt64]], [String]) = ([:], [])
        var (half, fullest): (Tick?, Int) = (nil, 0)
        while backlog.isBehind || backlog.ring.occupancy > 0 {
            // As much as there is room for: what finds none is of the same run as what comes in front of it.
            _ = backlog.read(most: .max)
            fullest = max(fullest, backlog.ring.occupancy)
            for slot in slots(in: backlog.ring) {
                switch RecordKind(rawValue: slot.kind) {
                case .trade:
                    trades[catalog.instruments[Int(slot.instrument)].instrument.symbol, default: []].append(slot.id)
                case .decision: half = slot
                case .decisionSums:
                    let decision = try #require(half.flatMap { Decision(first: $0, second: slot) })
                    if decision.isSignal { decisions.append(catalog.identifier(of: decision)) }
                default: break
                }
            }
        }
        #expect(metrics.total("tickline_dropped_total") == 0 && errors.all.isEmpty, "\(errors.all)")
        #expect(fullest == backlog.ring.capacitySlots)
        return (trades, decisions)
    }

    @Test func `records of several killed runs with other instruments and averages come under their own names`()
        async throws
    {
        defer { folder.remove() }
        try await killed("data", ["BTCUSDT", "ETHUSDT"], 1...6_000, as: "1")
        try await killed("1", ["ETHUSDT"], 6_001...8_000, as: "2")
        try await killed("2", ["SOLUSDT", "ETHUSDT", "BTCUSDT"], 8_001...9_000, longPeriod: 3, as: "3")
        let journal = try JournalFolder(path: folder.url.appendingPathComponent("3/journal").path)
        let newest = try SegmentReader(path: try #require(journal.chains[JournalChain(.engine)]?.last).path)
        let last = newest.identity.firstSequence + UInt64(newest.countWholeEntries()) - 1
        let runs = try Recovery.runs(behind: 0, in: journal)
        #expect(runs.map(\.instrumentCount) == [3, 1, 2])
        // Of a place within the last run that one alone is of use.
        #expect(try Recovery.runs(behind: last, in: journal) == [runs[0]])
        let names = try description([("XRPUSDT", 8), ("ETHUSDT", 8)], longPeriods: [5]).naming(runs)
        let (trades, decisions) = try caughtUp(journal, names)
        #expect(trades["BTCUSDT"] == Array(1...6_000) + Array(8_001...9_000))
        #expect(trades["ETHUSDT"] == Array(1...9_000) && trades["SOLUSDT"] == Array(8_001...9_000))
        #expect(trades["XRPUSDT"] == nil)
        func ids(_ symbol: String, _ trades: ClosedRange<Int>, longPeriod: Int = 2) -> [String] {
            trades.map { "binance:\(symbol):sma-1-\(longPeriod):\($0)" }
        }
        var expected = ids("BTCUSDT", 3...6_000) + ids("ETHUSDT", 3...8_000)
        for symbol in ["BTCUSDT", "ETHUSDT", "SOLUSDT"] { expected += ids(symbol, 8_004...9_000, longPeriod: 3) }
        #expect(decisions.sorted() == expected.sorted(), "\(decisions.count), not \(expected.count)")
        print(
            "figure: \(trades.values.joined().count) trades and \(decisions.count) signals of three killed runs, each under its own name"
        )
    }

    @Test func `what a run had received and not decided on comes under that run's names`() async throws {
        defer { folder.remove() }
        try await killed("data", ["BTCUSDT", "ETHUSDT"], 1...20_000, isPublished: true, as: "1")
        try await killed("1", ["ETHUSDT"], 20_001...21_000, as: "2")
        let journal = try JournalFolder(path: folder.url.appendingPathComponent("2/journal").path)
        let own = try description([("ETHUSDT", 8)], longPeriods: [2])
        let (trades, _) = try caughtUp(journal, own.naming(try Recovery.runs(behind: 0, in: journal)))
        #expect(trades["BTCUSDT"] == Array(1...20_000) && trades["ETHUSDT"] == Array(1...21_000))
    }
}
