internal import Glibc
internal import MarketRecording
internal import NIOCore

/// Makes the events of a `SyntheticMarket`, one at a time; about 0.3 µs each, no allocation per event.
final class SyntheticGenerator: MessageSource {
    /// The state of one symbol; prices in increments, sizes in lots.
    private struct Walk {
        var home: Int64
        var bid: Int64
        var spread: Int64
        var bidLots: Int64
        var askLots: Int64
        var largestStep: Int64
        var nextTradeID: UInt64
        var lastUpdateID: UInt64
        var isBuying = false
    }

    /// Time from the trade to its event; together with the rounding E − T is 0 or 1 ms as in recordings.
    private static let publishDelayNanos: Int64 = 300_000
    /// A pull home that brings the price back over some thousand events, so that averages over 50 and 200 trades cross
    /// every hundred trades or so; in 2⁻¹⁶ of probability per step away from home.
    private static let homeward: Int64 = 24
    private static let mostHomeward: Int64 = 1 << 14

    let streams: [RecordedStream]
    /// Its messages are Spot's.
    let markets: [Market]
    private(set) var head: MessageHead?
    private(set) var historyRecord: HistoryRecord?

    private let market: SyntheticMarket
    private let names: [[UInt8]]
    /// Sums of the weights up to each symbol, for drawing one.
    private let cumulativeWeights: [UInt64]
    private let burstNanos: Int64
    private var random: SeededRandom
    private var walks: [Walk] = []
    private var payload: [UInt8] = []
    /// Where each millisecond time of the payload ends, and the microseconds left out of it.
    private var times: [(end: Int, micros: Int)] = []
    private var startNanos: Int64 = 0
    private var eventsMade = 0
    /// Offset of the next event at the mean rate, in nanoseconds with their fraction: no drift from rounding.
    private var nextRegular = 0.0
    private var nextBurstNanos: Int64
    private var burstEventsLeft = 0

    init(_ market: SyntheticMarket, wallNanos: Int64) {
        self.market = market
        names = market.symbols.map { Array($0.name.utf8) }
        streams = market.symbols.flatMap {
            let symbol = $0.name.lowercased()
            return [
                RecordedStream(name: "\(symbol)@trade", kind: .trade),
                RecordedStream(name: "\(symbol)@bookTicker", kind: .quote),
            ]
        }
        markets = market.symbols.map { Market(venue: .spot, symbol: $0.name) }
        var sum: UInt64 = 0
        cumulativeWeights = market.symbols.map {
            sum += UInt64($0.weight)
            return sum
        }
        burstNanos = market.burst?.interval.wholeNanos ?? .max
        nextBurstNanos = burstNanos
        random = SeededRandom(seed: market.seed)
        payload.reserveCapacity(256)
        rewind(wallNanos: wallNanos)
    }

    func rewind(wallNanos: Int64) {
        random = SeededRandom(seed: market.seed)
        startNanos = market.startTimeNanos ?? wallNanos
        // A microsecond count leaves room for a million ids a second and symbol before a later run could meet them.
        let firstID = UInt64(startNanos / 1_000)
        walks = market.symbols.map { symbol in
            let home = symbol.price / symbol.priceIncrement
            return Walk(
                home: home, bid: home, spread: 1, bidLots: 1, askLots: 1, largestStep: max(1, home / 50_000),
                nextTradeID: firstID, lastUpdateID: firstID)
        }
        for index in walks.indices { redrawSizes(&walks[index], lotSize: market.symbols[index].lotSize) }
        eventsMade = 0
        nextRegular = 0
        nextBurstNanos = burstNanos
        burstEventsLeft = 0
        advance()
    }

    func write(into buffer: inout ByteBuffer, unit: TimeUnit) {
        guard unit == .microseconds else {
            buffer.writeBytes(payload)
            return
        }
        var written = 0
        for time in times {
            buffer.writeBytes(payload[written..<time.end])
            for divisor in [100, 10, 1] { buffer.writeInteger(UInt8(ascii: "0") + UInt8(time.micros / divisor % 10)) }
            written = time.end
        }
        buffer.writeBytes(payload[written...])
    }

    func advance() {
        if let limit = market.eventLimit, eventsMade >= limit {
            head = nil
            historyRecord = nil
            return
        }
        eventsMade += 1
        let offset = nextOffset()
        let drawn = random.below(cumulativeWeights[cumulativeWeights.count - 1])
        let symbol = index(ofWeight: drawn)
        let isQuote = random.below(100) < UInt64(market.quotePercent)
        payload.removeAll(keepingCapacity: true)
        times.removeAll(keepingCapacity: true)
        let id = isQuote ? makeQuote(symbol) : makeTrade(symbol, unixNanos: startNanos &+ offset)
        head = MessageHead(
            stream: symbol * 2 + (isQuote ? 1 : 0), offsetNanos: offset, payloadBytes: payload.count, firstID: id)
    }

    /// Exponential gaps at the mean rate; a burst's events share one offset.
    private func nextOffset() -> Int64 {
        if burstEventsLeft > 0 {
            burstEventsLeft -= 1
            return nextBurstNanos - burstNanos
        }
        if let burst = market.burst, nextBurstNanos <= Int64(nextRegular) {
            burstEventsLeft = burst.events - 1
            nextBurstNanos += burstNanos
            return nextBurstNanos - burstNanos
        }
        let offset = Int64(nextRegular)
        nextRegular += -log(random.unitInterval()) * 1e9 / market.eventsPerSecond
        return offset
    }

    /// The first symbol whose cumulative weight is above `drawn`. O(log symbols).
    private func index(ofWeight drawn: UInt64) -> Int {
        var low = 0
        var high = cumulativeWeights.count - 1
        while low < high {
            let middle = (low + high) / 2
            if cumulativeWeights[middle] > drawn { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private func makeTrade(_ symbol: Int, unixNanos: Int64) -> UInt64 {
        var walk = walks[symbol]
        let specification = market.symbols[symbol]
        // Takers come in runs: seven of ten trades are on the side of the one before.
        if random.below(10) < 3 { walk.isBuying.toggle() }
        let price = walk.isBuying ? walk.bid + walk.spread : walk.bid
        let quantity = drawLots(medianLots: Self.medianTradeLots(specification.lotSize))
        let identifier = walk.nextTradeID
        walk.nextTradeID += 1
        put("{\"e\":\"trade\",\"E\":")
        putTime(unixNanos)
        put(",\"s\":\"")
        payload.append(contentsOf: names[symbol])
        put("\",\"t\":")
        put(identifier)
        put(",\"p\":\"")
        putDecimal(price * specification.priceIncrement)
        put("\",\"q\":\"")
        putDecimal(quantity * specification.lotSize)
        put("\",\"T\":")
        let time = unixNanos - Self.publishDelayNanos
        putTime(time)
        put(",\"m\":")
        put(walk.isBuying ? "false" : "true")
        put(",\"M\":true}")
        historyRecord = .trade(
            TradeRecord(
                id: identifier, timeMillis: time / 1_000_000,
                price: ExactDecimal(mantissa: price * specification.priceIncrement, places: 8),
                quantity: ExactDecimal(mantissa: quantity * specification.lotSize, places: 8), venue: .spot,
                buyerIsMaker: !walk.isBuying, isBestMatch: true, isMarket: true))
        step(&walk)
        walks[symbol] = walk
        return identifier
    }

    private func makeQuote(_ symbol: Int) -> UInt64 {
        historyRecord = nil
        var walk = walks[symbol]
        let specification = market.symbols[symbol]
        redrawSizes(&walk, lotSize: specification.lotSize)
        walk.lastUpdateID += 1 + random.below(4)
        put("{\"u\":")
        put(walk.lastUpdateID)
        put(",\"s\":\"")
        payload.append(contentsOf: names[symbol])
        put("\",\"b\":\"")
        putDecimal(walk.bid * specification.priceIncrement)
        put("\",\"B\":\"")
        putDecimal(walk.bidLots * specification.lotSize)
        put("\",\"a\":\"")
        putDecimal((walk.bid + walk.spread) * specification.priceIncrement)
        put("\",\"A\":\"")
        putDecimal(walk.askLots * specification.lotSize)
        put("\"}")
        // Most quotes only change sizes.
        if random.below(8) == 0 { step(&walk) }
        walks[symbol] = walk
        return walk.lastUpdateID
    }

    /// Moves the best prices by up to `largestStep`, more likely towards home the further away they are.
    private func step(_ walk: inout Walk) {
        let distance = (walk.bid - walk.home) / walk.largestStep
        let pull = max(-Self.mostHomeward, min(Self.mostHomeward, distance * Self.homeward))
        let size = Int64(random.below(UInt64(walk.largestStep) + 1))
        let isUp = Int64(random.below(1 << 16)) < (1 << 15) - pull
        // The pull keeps the price near home; a tenth of it is the floor that data can't pass.
        walk.bid = max(walk.home / 10, walk.bid + (isUp ? size : -size))
        walk.spread = random.below(16) == 0 ? 1 + Int64(random.below(UInt64(min(walk.largestStep, 20)) + 1)) : 1
    }

    private func redrawSizes(_ walk: inout Walk, lotSize: Int64) {
        let median = Self.medianTradeLots(lotSize) * 16
        walk.bidLots = drawLots(medianLots: median)
        walk.askLots = drawLots(medianLots: median)
    }

    /// Small lots mean a dear instrument: many lots make a usual trade.
    private static func medianTradeLots(_ lotSize: Int64) -> Int64 { lotSize <= 10_000 ? 400 : 40 }

    /// About log-normal: `medianLots · 2^x`, x the sum of four uniforms, standard deviation 2.3, between −8 and 8; 2^x is
    /// taken as linear between powers, in integers, so every machine draws the same.
    private func drawLots(medianLots: Int64) -> Int64 {
        var exponent: Int64 = -2_048
        for _ in 0..<4 { exponent += Int64(random.below(1_024)) }
        let (whole, fraction) = (exponent >> 8, exponent & 255)
        let scaled = medianLots * (256 + fraction)
        return max(1, whole >= 0 ? (scaled << whole) >> 8 : (scaled >> -whole) >> 8)
    }

    private func put(_ text: StaticString) {
        unsafe payload.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private func put(_ value: UInt64, digits: Int = 1) {
        var divisor: UInt64 = 1
        var length = 1
        while value / divisor >= 10 {
            divisor *= 10
            length += 1
        }
        for _ in length..<max(digits, length) { payload.append(UInt8(ascii: "0")) }
        while divisor > 0 {
            payload.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }

    /// A time in milliseconds; what it leaves out is kept for readers of microseconds.
    private func putTime(_ unixNanos: Int64) {
        put(UInt64(unixNanos / 1_000_000))
        times.append((payload.count, Int(unixNanos / 1_000 % 1_000)))
    }

    /// Binance writes prices and quantities with eight decimals.
    private func putDecimal(_ value: Int64) {
        let (whole, fraction) = value.magnitude.quotientAndRemainder(dividingBy: 100_000_000)
        put(whole)
        payload.append(UInt8(ascii: "."))
        put(fraction, digits: 8)
    }
}
