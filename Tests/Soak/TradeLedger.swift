import ExchangeSimulator
import Foundation
import Synchronization

/// Every trade of a market by stream, with its price and whether it was put on the wire: the oracle's truth.
///
/// Written on the simulator's event loop, kept in memory (24 bytes a trade), saved at the end.
final class TradeLedger: Sendable {
    /// By stream id, price in units of 10⁻⁸ and 1 where it was sent or 0 where not, one trade after the other.
    private let trades = Mutex<[String: [Int64]]>([:])

    /// Takes one frame; what is no trade is passed over.
    func record(_ entry: LedgerEntry) {
        guard let price = entry.tradePriceUnits, let id = entry.firstID.flatMap({ Int64(exactly: $0) }) else { return }
        trades.withLock { $0[entry.stream, default: []] += [id, price, entry.treatment == .withheld ? 0 : 1] }
    }

    /// Writes one file of 64-bit integers, in this machine's byte order, for each stream; returns their paths by stream.
    func save(in folder: URL) throws -> [String: String] {
        try trades.withLock { trades in
            var paths: [String: String] = [:]
            for (stream, numbers) in trades {
                let file = folder.appendingPathComponent("\(stream).trades")
                try numbers.withUnsafeBytes { try Data($0).write(to: file) }
                paths[stream] = file.path
            }
            return paths
        }
    }
}
