package import TradingModel

/// A position's profit at a price, exactly; nil where a number has more than 34 digits. Pure.
package enum ProfitAndLoss {
    /// What one unit would bring if the position were closed now: the bid for a long one, the ask for a short one.
    package static func mark(of position: Position, at quote: Quote) -> ExactDecimal {
        position.quantity.isNegative ? quote.askPrice : quote.bidPrice
    }

    /// Profit of what is held, without fees, in the quote asset.
    package static func unrealised(_ position: Position, mark: ExactDecimal) -> ExactDecimal? {
        position.quantity.multiplied(by: mark)?.subtracting(position.cost)
    }

    /// Profit realised and not, less the fees taken in the quote asset; fees in other assets are not converted.
    package static func net(_ position: Position, mark: ExactDecimal) -> ExactDecimal? {
        unrealised(position, mark: mark)?.adding(position.realisedProfit)?
            .subtracting(position.fees[position.quoteAsset, default: .zero])
    }
}
