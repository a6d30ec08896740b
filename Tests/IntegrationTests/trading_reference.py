#!/usr/bin/env python3
"""What a trader is to make of a series of crossings, computed with fractions and apart from the product.

usage: trading_reference.py CSV QUANTITY SELL_TARGET BASIS_POINTS FEE_BASIS_POINTS PRICE_INCREMENT

CSV: rows of index,trade_id,T,direction,price,sma50,sma200,kind, of which those of kind `cross` are signals. SELL_TARGET is flat or
short. A BUY aims at QUANTITY, a SELL at nothing or -QUANTITY. An order is filled whole, at the signal's price made worse by
BASIS_POINTS and then to the next multiple of PRICE_INCREMENT; the fee is FEE_BASIS_POINTS of price times quantity.

Prints one JSON object: the orders in their sequence, and the position with its cost, realised profit and fees by first in,
first out.
"""

import csv
import json
import sys
from fractions import Fraction


def text(number):
    """The exact decimal without trailing zeros."""
    sign, number = ("-" if number < 0 else ""), abs(number)
    whole, rest = divmod(number, 1)
    digits = ""
    while rest:
        digit, rest = divmod(rest * 10, 1)
        digits += str(digit)
    return f"{sign}{whole}" + (f".{digits}" if digits else "")


def filled_price(price, is_buy, basis_points, increment):
    worse = price * (1 + (basis_points if is_buy else -basis_points) / 10_000)
    steps, rest = divmod(worse, increment)
    return (steps + (1 if is_buy and rest else 0)) * increment


def main():
    path, quantity, sell_target, *numbers = sys.argv[1:]
    basis_points, fee_basis_points, increment = map(Fraction, numbers)
    quantity = Fraction(quantity)
    orders, lots, realised, fees, held = [], [], Fraction(0), Fraction(0), Fraction(0)

    def order(row, leg, is_buy, amount):
        nonlocal held, realised, fees
        price = filled_price(Fraction(row["price"]), is_buy, basis_points, increment)
        fee = price * amount * fee_basis_points / 10_000
        orders.append({"id": f"binance:BTCUSDT:sma-50-200:{row['trade_id']}-{leg:02}", "side": "BUY" if is_buy else "SELL",
                       "quantity": text(amount), "average": text(price)})
        fees += fee
        held += amount if is_buy else -amount
        if leg == 1:
            lots.append([amount if is_buy else -amount, price])
            return
        while amount:
            lot = lots[0]
            closed = min(amount, abs(lot[0]))
            realised += closed * (lot[1] - price if is_buy else price - lot[1])
            lot[0] += closed if is_buy else -closed
            amount -= closed
            if not lot[0]:
                lots.pop(0)

    for row in csv.DictReader(open(path)):
        if row["kind"] != "cross":
            continue
        is_buy = row["direction"] == "BUY"
        target = quantity if is_buy else -quantity if sell_target == "short" else Fraction(0)
        if target == held or (held and target and (held > 0) == (target > 0)):
            continue
        if held:
            order(row, 0, held < 0, abs(held))
        if target:
            order(row, 1, is_buy, abs(target))
    cost = sum((amount * price for amount, price in lots), Fraction(0))
    print(json.dumps({
        "orders": orders, "quantity": text(held), "cost": text(cost), "realised": text(realised), "fees": text(fees)}))


if __name__ == "__main__":
    main()
