import Execution
import FeedHandler
import Foundation
import MarketRecording
import RedisStreams
import TradingModel

/// What a trader does, worked out from the settings before anything is started.
struct TradingPlan: Sendable {
    /// The streams' keys, each with a loop of its own; `journal` without Redis.
    let streams: [String]
    private let settings: TraderSettings
    /// How the paper venue fills.
    let fills: FillModel
    /// The rules of every instrument that is traded.
    let rules: [Instrument: TradingRules]
    /// Instruments whose rules are guesses, since nothing names them.
    let guessed: [Instrument]
    /// The feeds of quotes; none where fills need no quotes.
    let quotes: [FeedPlan]

    /// Understands the settings.
    ///
    /// - Throws: `SettingsError.conflict` with the remedy.
    init(_ settings: Settings, feeds: [FeedPlan], holder: String) throws(SettingsError) {
        let keys = settings.traderStreams.isEmpty ? [settings.signalStream] : settings.traderStreams
        streams = settings.redis == nil ? ["journal"] : keys
        guard Set(streams).count == streams.count else {
            throw .conflict("--trader-stream names a stream twice")
        }
        guard let size = Self.size(settings.tradeSize) else { preconditionFailure("sizes are checked as settings") }
        var trader = TraderSettings(
            leaseName: streams[0], holder: holder, size: size,
            policy: TargetPolicy(
                sellTarget: settings.sellTarget == .short ? .short : .flat,
                mostSignalAgeMillis: settings.signalExpirySeconds > 0 ? settings.signalExpirySeconds * 1_000 : nil))
        trader.leaseMillis = settings.leaseMillis
        trader.limitTimeoutMillis = settings.orderType == .limit ? settings.limitTimeoutMillis : nil
        trader.startingEquity = Self.decimal(settings.equity)
        trader.haltFile = settings.haltFile ?? "\(settings.data)/halt"
        trader.limits.mostOrderNotional = settings.mostOrder.map(Self.decimal)
        trader.limits.mostPositionNotional = settings.mostPosition.map(Self.decimal)
        trader.limits.mostOpenOrders = settings.mostOpenOrders
        trader.limits.mostOrdersPerSecond = settings.mostOrdersPerSecond
        trader.limits.mostDailyLoss = settings.mostDailyLoss.map(Self.decimal)
        trader.limits.priceBandBasisPoints = settings.orderBandBasisPoints
        self.settings = trader
        let source: FillModel.Source =
            switch settings.paperFill {
            case .signal: .signal(halfSpreadBasisPoints: Self.decimal(settings.paperHalfSpread))
            case .quote:
                .quote(
                    FillModel.QuoteTerms(
                        latencyMicros: settings.paperLatencyMicros, jitterMicros: settings.paperJitterMicros, seed: 1))
            }
        fills = FillModel(
            source: source, slippageBasisPoints: Self.decimal(settings.paperSlippage),
            feeBasisPoints: Self.decimal(settings.paperFee))
        quotes =
            settings.paperFill == .quote || settings.orderBandBasisPoints != nil ? FeedPlan.quotes(of: feeds) : []
        let instruments = feeds.flatMap { feed in
            feed.streams.map { Instrument(exchange: feed.exchange, symbol: $0.symbol) }
        }
        let known = try settings.tradingRules.map { path throws(SettingsError) in try Self.rules(at: path, instruments)
        }
        var (rules, guessed) = (known ?? [:], [Instrument]())
        // Rules that are given are the ones there are: what they do not name is not traded.
        if known == nil {
            for instrument in Set(instruments) {
                rules[instrument] = Self.guess(instrument)
                guessed.append(instrument)
            }
        }
        self.rules = rules
        self.guessed = guessed.sorted { "\($0)" < "\($1)" }
    }

    /// The settings of a stream's loop.
    func settings(of stream: String) -> TraderSettings {
        var settings = settings
        settings.leaseName = stream
        return settings
    }

    /// Reads `quantity:N`, `notional:N` or `equity:N`, N above zero; nil for anything else.
    static func size(_ text: String) -> OrderSize? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = ExactDecimal(parts[1]), number > .zero else { return nil }
        switch parts[0] {
        case "quantity": return .quantity(number)
        case "notional": return .notional(number)
        case "equity": return .equityShare(number)
        default: return nil
        }
    }

    private static func decimal(_ text: String) -> ExactDecimal {
        guard let number = ExactDecimal(text) else { preconditionFailure("numbers are checked as settings") }
        return number
    }

    private static func rules(
        at path: String, _ instruments: [Instrument]
    ) throws(SettingsError) -> [Instrument: TradingRules] {
        var rules: [Instrument: TradingRules] = [:]
        do {
            let json = try WholeFile.bytes(at: path)
            for exchange in Set(instruments.map(\.exchange)) {
                rules.merge(try ExchangeInformation(json: json, exchange: exchange).rules) { $1 }
            }
        } catch { throw .conflict("--trading-rules \(path): \(error)") }
        return rules
    }

    /// Assets that prices are in, longest first: a symbol ends with one.
    private static let quoteAssets = [
        "FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USD", "EUR", "BTC", "ETH", "BNB", "TRY",
    ]

    /// Rules that demand nothing of orders, for a symbol nobody has told the rules of.
    private static func guess(_ instrument: Instrument) -> TradingRules {
        let symbol = instrument.symbol
        let quote = quoteAssets.first { symbol.hasSuffix($0) && symbol.count > $0.count } ?? "QUOTE"
        var rules = TradingRules(
            baseAsset: symbol.hasSuffix(quote) ? String(symbol.dropLast(quote.count)) : symbol, quoteAsset: quote)
        rules.allowsShort = true
        return rules
    }
}
