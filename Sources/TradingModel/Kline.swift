/// The length of a kline, as the exchange names it. Raw values are what the second slot carries.
public enum KlineInterval: UInt8, Sendable, CaseIterable {
    case oneSecond = 0
    case oneMinute
    case threeMinutes
    case fiveMinutes
    case fifteenMinutes
    case thirtyMinutes
    case oneHour
    case twoHours
    case fourHours
    case sixHours
    case eightHours
    case twelveHours
    case oneDay
    case threeDays
    case oneWeek
    case oneMonth

    /// The exchange's name, as in `btcusdt@kline_1m`.
    public var name: String {
        switch self {
        case .oneSecond: "1s"
        case .oneMinute: "1m"
        case .threeMinutes: "3m"
        case .fiveMinutes: "5m"
        case .fifteenMinutes: "15m"
        case .thirtyMinutes: "30m"
        case .oneHour: "1h"
        case .twoHours: "2h"
        case .fourHours: "4h"
        case .sixHours: "6h"
        case .eightHours: "8h"
        case .twelveHours: "12h"
        case .oneDay: "1d"
        case .threeDays: "3d"
        case .oneWeek: "1w"
        case .oneMonth: "1M"
        }
    }
}

/// Prices and volume of one interval of an instrument's trades; on a ring two slots, `kline` and `klineVolume`, that are
/// published together.
///
/// The C decoder writes the slots as `slots` does (`kline_decode.h`):
///
/// | field | `kline` | `klineVolume` |
/// |---|---|---|
/// | `id` | open time, Unix nanoseconds | close time, Unix nanoseconds |
/// | `exchangeTimeNanos` | event time | first trade id, −1 for none |
/// | `receiveMonotonicNanos` | receive time | last trade id as the bits of an `Int64`, −1 for none |
/// | `price`, `quantity` | open and close, both at the price scale | base volume at the quantity scale, number of trades |
/// | `secondaryPrice`, `secondaryQuantity` | high and low, both at the price scale | interval, 0 |
/// | `flags` | bit 0: closed | the same |
public struct Kline: Sendable, Equatable {
    /// Bit of `flags`: the interval is over, the numbers are final.
    public static let closedFlag: UInt8 = 1 << 0

    /// Index in the `MarketCatalog`.
    public var instrument: UInt32
    /// Index of the feed that delivered it.
    public var feed: UInt16
    /// The length.
    public var interval: KlineInterval
    /// Whether the interval is over.
    public var isClosed: Bool
    /// First instant of the interval.
    public var openTime: UnixNanos
    /// Last instant of the interval, as the exchange gives it.
    public var closeTime: UnixNanos
    /// When the exchange said so.
    public var eventTime: UnixNanos
    /// Monotonic receive time.
    public var receiveMonotonic: MonotonicNanos
    /// First, highest, lowest and last price, at the price scale.
    public var open, high, low, close: Int64
    /// Base volume at the quantity scale; 0 where nothing was traded.
    public var volume: Int64
    /// Number of trades.
    public var tradeCount: Int64
    /// First and last trade id, nil where nothing was traded.
    public var firstTradeID, lastTradeID: Int64?

    /// Creates a kline.
    public init(
        instrument: UInt32, feed: UInt16, interval: KlineInterval, isClosed: Bool, openTime: UnixNanos,
        closeTime: UnixNanos, eventTime: UnixNanos, receiveMonotonic: MonotonicNanos, open: Int64, high: Int64,
        low: Int64, close: Int64, volume: Int64, tradeCount: Int64, firstTradeID: Int64?, lastTradeID: Int64?
    ) {
        self.instrument = instrument
        self.feed = feed
        self.interval = interval
        self.isClosed = isClosed
        self.openTime = openTime
        self.closeTime = closeTime
        self.eventTime = eventTime
        self.receiveMonotonic = receiveMonotonic
        self.open = open
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume
        self.tradeCount = tradeCount
        self.firstTradeID = firstTradeID
        self.lastTradeID = lastTradeID
    }

    /// The two ring slots, in order.
    public var slots: (Tick, Tick) {
        let flags = TickFlags(rawValue: isClosed ? Self.closedFlag : 0)
        let prices = Tick(
            id: UInt64(bitPattern: openTime.rawValue), exchangeTimeNanos: eventTime.rawValue,
            receiveMonotonicNanos: receiveMonotonic.rawValue, price: open, quantity: close, secondaryPrice: high,
            secondaryQuantity: low, instrument: instrument, kind: .kline, flags: flags, feed: feed)
        let volumes = Tick(
            id: UInt64(bitPattern: closeTime.rawValue), exchangeTimeNanos: firstTradeID ?? -1,
            receiveMonotonicNanos: UInt64(bitPattern: lastTradeID ?? -1), price: volume, quantity: tradeCount,
            secondaryPrice: Int64(interval.rawValue), instrument: instrument, kind: .klineVolume, flags: flags,
            feed: feed)
        return (prices, volumes)
    }

    /// Reads a kline back from its two slots; nil where they are no such pair.
    public init?(prices: Tick, volumes: Tick) {
        guard prices.kind == RecordKind.kline.rawValue, volumes.kind == RecordKind.klineVolume.rawValue,
            prices.instrument == volumes.instrument, prices.feed == volumes.feed, prices.flags == volumes.flags,
            let code = UInt8(exactly: volumes.secondaryPrice), let interval = KlineInterval(rawValue: code)
        else { return nil }
        let (first, last) = (volumes.exchangeTimeNanos, Int64(bitPattern: volumes.receiveMonotonicNanos))
        self.init(
            instrument: prices.instrument, feed: prices.feed, interval: interval,
            isClosed: prices.flags & Self.closedFlag != 0,
            openTime: UnixNanos(rawValue: Int64(bitPattern: prices.id)),
            closeTime: UnixNanos(rawValue: Int64(bitPattern: volumes.id)),
            eventTime: UnixNanos(rawValue: prices.exchangeTimeNanos),
            receiveMonotonic: MonotonicNanos(rawValue: prices.receiveMonotonicNanos), open: prices.price,
            high: prices.secondaryPrice, low: prices.secondaryQuantity, close: prices.quantity,
            volume: volumes.price, tradeCount: volumes.quantity, firstTradeID: first < 0 ? nil : first,
            lastTradeID: last < 0 ? nil : last)
    }
}
