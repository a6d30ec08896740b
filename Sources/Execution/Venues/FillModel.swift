package import TradingModel

/// What the paper venue takes an order's execution to be. Pure; exact decimals.
package struct FillModel: Sendable, Equatable {
    /// What prices come from.
    package enum Source: Sendable, Equatable {
        /// The price of the signal, at once, and as much as was asked for: what a comparison with a reference needs.
        case signal(halfSpreadBasisPoints: ExactDecimal)
        /// The newest quote once the latency is over, as much as it offers.
        case quote(QuoteTerms)
    }

    /// How an order meets the quotes.
    package struct QuoteTerms: Sendable, Equatable {
        /// What every order takes to the venue.
        package var latencyMicros: Int
        /// What it takes more, drawn for each order by its client order id and the seed, so the same after a restart.
        package var jitterMicros: Int
        /// Makes another draw.
        package var seed: UInt64
        /// How old a quote may be that is filled against; older ones are waited out.
        package var mostQuoteAgeMillis = 5_000

        /// Creates terms.
        package init(latencyMicros: Int, jitterMicros: Int, seed: UInt64) {
            self.latencyMicros = latencyMicros
            self.jitterMicros = jitterMicros
            self.seed = seed
        }
    }

    /// What prices come from.
    package var source: Source
    /// How much worse than the quote, or the signal's price, a market order is filled.
    package var slippageBasisPoints: ExactDecimal
    /// Of price times quantity, in the quote asset.
    package var feeBasisPoints: ExactDecimal

    /// Creates a model.
    package init(source: Source, slippageBasisPoints: ExactDecimal, feeBasisPoints: ExactDecimal) {
        self.source = source
        self.slippageBasisPoints = slippageBasisPoints
        self.feeBasisPoints = feeBasisPoints
    }

    /// When an order that was accepted at `time` is executed at the earliest.
    package func dueTime(of clientOrderID: String, acceptedAt time: UnixNanos) -> UnixNanos {
        guard case .quote(let terms) = source else { return time }
        // FNV-1a over the id, begun at the seed; its remainder is even enough for a draw of microseconds.
        var hash = 0xCBF2_9CE4_8422_2325 ^ terms.seed
        for byte in clientOrderID.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let jitter = Int64(hash % (UInt64(max(terms.jitterMicros, 0)) + 1))
        return UnixNanos(rawValue: time.rawValue + (Int64(terms.latencyMicros) + jitter) * 1_000)
    }

    /// The price at which an order is filled, `base` being the signal's price or the quote's; nil where its limit is not met
    /// or a number has more than 34 digits.
    ///
    /// Slippage and spread are to the order's disadvantage and rounded so to the price increment, never beyond a limit that the
    /// quote itself meets.
    package func price(of request: OrderRequest, base: ExactDecimal, rules: TradingRules) -> ExactDecimal? {
        var basisPoints = slippageBasisPoints
        if case .signal(let halfSpread) = source {
            guard let sum = basisPoints.adding(halfSpread) else { return nil }
            basisPoints = sum
        }
        guard let shift = base.multiplied(by: basisPoints)?.multipliedByBasisPoint,
            let worse = request.side == .buy ? base.adding(shift) : base.subtracting(shift),
            let price = worse.rounded(
                toMultipleOf: rules.priceIncrement, request.side == .buy ? .up : .down), price > .zero
        else { return nil }
        guard case .limit(let limit, _) = request.type else { return price }
        switch request.side {
        case .buy: return base <= limit ? min(price, limit) : nil
        case .sell: return base >= limit ? max(price, limit) : nil
        }
    }

    /// The fee of an execution; nil beyond 34 digits.
    package func fee(price: ExactDecimal, quantity: ExactDecimal) -> ExactDecimal? {
        price.multiplied(by: quantity)?.multiplied(by: feeBasisPoints)?.multipliedByBasisPoint
    }
}

extension ExactDecimal {
    /// A ten-thousandth of it; nil beyond 34 digits.
    fileprivate var multipliedByBasisPoint: ExactDecimal? {
        ExactDecimal(mantissa: 1, decimals: 4).flatMap { multiplied(by: $0) }
    }
}
