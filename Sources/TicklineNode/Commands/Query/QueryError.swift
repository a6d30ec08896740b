import TradingModel

/// Why a query was not answered.
enum QueryError: Error, Equatable, CustomStringConvertible {
    /// A name that nothing has.
    case unknown(flag: String, String, nearest: String, known: [String])
    /// An instrument was asked for, and the store has none at all.
    case noInstruments(String)
    /// Text that is no time.
    case invalidTime(flag: String, String)
    /// The range ends before it begins.
    case emptyRange(from: String, to: String)
    /// A limit that leaves nothing.
    case invalidLimit(Int)
    /// Settings that keep nothing.
    case nothingKept
    /// The store can't be read; `place` names it without secrets.
    case unreadable(TradeStoreError, place: String, remedy: String)
    /// Standard output takes nothing, other than because its reader has gone.
    case output(reason: String)

    /// One line with the remedy.
    var description: String {
        switch self {
        case .unknown(let flag, let name, let nearest, let known):
            "\(flag): there is no '\(name)'; did you mean \(nearest)?"
                + (known.isEmpty ? "" : " (\(known.joined(separator: ", ")))")
        case .noInstruments(let name): "--instrument: there is no '\(name)'; nothing is stored yet"
        case .invalidTime(let flag, let text):
            "\(flag): '\(text)' is no time; give one like 2024-08-08T23:54:13Z, 2024-08-08, -15m, -1h, -7d or now"
        case .emptyRange(let from, let to): "--from \(from) is not before --to \(to)"
        case .invalidLimit(let limit): "--limit: '\(limit)' is refused; give a whole number from 1"
        case .nothingKept: "--store none keeps nothing to query; give sqlite or mongo"
        case .unreadable(.unavailable(let reason), let place, let remedy),
            .unreadable(.refused(let reason), let place, let remedy):
            "cannot read \(place): \(reason); \(remedy)"
        case .output(let reason): "cannot write to standard output: \(reason)"
        }
    }

    var exitStatus: Int32 {
        switch self {
        case .unknown, .noInstruments, .invalidTime, .emptyRange, .invalidLimit: ExitStatus.usage
        case .nothingKept, .unreadable(.refused, _, _): ExitStatus.configuration
        case .unreadable(.unavailable, _, _), .output: ExitStatus.failure
        }
    }
}
