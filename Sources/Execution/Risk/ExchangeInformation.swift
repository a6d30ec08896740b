internal import Foundation
package import TradingModel

/// Binance's `exchangeInfo`: the rules of its instruments, Spot and USD-M futures.
///
/// Filters and members that are not named here are passed over. Reading is linear in the document.
package struct ExchangeInformation: Sendable, Equatable {
    /// Why a document or a symbol of it can't be read.
    package struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        /// The symbol; empty for the whole document.
        package var symbol: String
        /// What is wrong with it.
        package var reason: String

        /// One line for operators.
        package var description: String {
            symbol.isEmpty ? "exchangeInfo can't be read: \(reason)" : "the rules of \(symbol) can't be read: \(reason)"
        }
    }

    /// The rules by instrument.
    package private(set) var rules: [Instrument: TradingRules] = [:]
    /// Symbols whose rules can't be read, in the document's order: they can't be traded.
    package private(set) var refusals: [Refusal] = []

    /// Reads a document of `exchange`.
    ///
    /// - Throws: where it is no `exchangeInfo` at all; a single symbol that can't be read is in `refusals`.
    package init(json: [UInt8], exchange: Exchange) throws(Refusal) {
        let document: Document
        do {
            document = try JSONDecoder().decode(Document.self, from: Data(json))
        } catch { throw Refusal(symbol: "", reason: "\(error)") }
        for symbol in document.symbols {
            let instrument = Instrument(exchange: exchange, symbol: symbol.symbol)
            do throws(Refusal) {
                rules[instrument] = try symbol.rules()
            } catch {
                refusals.append(error)
            }
        }
    }
}

/// The members that are read, in Binance's own names.
private struct Document: Decodable {
    struct Filter: Decodable {
        var filterType: String
        var minPrice, maxPrice, tickSize: String?
        var minQty, maxQty, stepSize: String?
        var minNotional, maxNotional: String?
        /// USD-M futures' name for `minNotional`.
        var notional: String?
        var applyToMarket, applyMinToMarket, applyMaxToMarket: Bool?
    }

    struct Symbol: Decodable {
        var symbol: String
        var status: String
        var baseAsset: String
        var quoteAsset: String
        var isMarginTradingAllowed: Bool?
        /// Of futures alone.
        var contractType: String?
        var filters: [Filter]
    }

    var symbols: [Symbol]
}

extension Document.Symbol {
    func rules() throws(ExchangeInformation.Refusal) -> TradingRules {
        var rules = TradingRules(baseAsset: baseAsset, quoteAsset: quoteAsset)
        rules.isTrading = status == "TRADING"
        // A future is sold short by its nature, a spot asset where it can be borrowed.
        rules.allowsShort = contractType != nil || isMarginTradingAllowed == true
        for filter in filters {
            switch filter.filterType {
            case "PRICE_FILTER":
                rules.priceIncrement = try number(filter.tickSize, "tickSize")
                rules.leastPrice = try number(filter.minPrice, "minPrice")
                rules.mostPrice = try number(filter.maxPrice, "maxPrice")
            case "LOT_SIZE":
                rules.quantityStep = try number(filter.stepSize, "stepSize")
                rules.leastQuantity = try number(filter.minQty, "minQty")
                rules.mostQuantity = try number(filter.maxQty, "maxQty")
            case "MARKET_LOT_SIZE":
                rules.marketQuantityStep = try number(filter.stepSize, "stepSize")
                rules.leastMarketQuantity = try number(filter.minQty, "minQty")
                rules.mostMarketQuantity = try number(filter.maxQty, "maxQty")
            case "MIN_NOTIONAL":
                rules.leastNotional = try number(filter.minNotional ?? filter.notional, "minNotional")
                rules.isLeastNotionalForMarket = filter.applyToMarket ?? true
            case "NOTIONAL":
                rules.leastNotional = try number(filter.minNotional, "minNotional")
                rules.mostNotional = try number(filter.maxNotional, "maxNotional")
                rules.isLeastNotionalForMarket = filter.applyMinToMarket ?? true
                rules.isMostNotionalForMarket = filter.applyMaxToMarket ?? false
            default: break
            }
        }
        return rules
    }

    private func number(_ text: String?, _ name: String) throws(ExchangeInformation.Refusal) -> ExactDecimal {
        guard let text, let number = ExactDecimal(text), !number.isNegative else {
            throw ExchangeInformation.Refusal(symbol: symbol, reason: "\(name) is \(text ?? "missing")")
        }
        return number
    }
}
