/// Why signals can't be read, or not be acknowledged.
public enum SignalSourceError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The source can't be reached or is failing over; the caller goes on after a pause.
    case unavailable(String)
    /// The source refuses us for a reason that retrying does not mend (credentials, a key of another type).
    case refused(String)

    /// The source's own words.
    public var description: String {
        switch self {
        case .unavailable(let reason): "signals can't be read: \(reason)"
        case .refused(let reason): "the signals' source refuses us: \(reason)"
        }
    }
}

/// What lies before a reader.
public struct SourceBacklog: Sendable, Equatable {
    /// Entries that no reader has been handed; nil where the source can't tell.
    public var lag: Int?
    /// Entries handed out and not acknowledged, by all readers of the group.
    public var pending: Int
    /// Entries that were removed before any reader was handed them, since the backlog was last asked for.
    public var missed: Int

    /// Creates a backlog.
    public init(lag: Int?, pending: Int, missed: Int) {
        self.lag = lag
        self.pending = pending
        self.missed = missed
    }
}

/// Where the trader reads signals: each entry is handed out until it is acknowledged, in the source's order.
///
/// Used by one thread. Calls block within the source's own time limits, `next` also for the time it is given.
public protocol SignalSource: ~Copyable, Sendable {
    /// Takes over what other readers were handed and never acknowledged, as only the holder of the lease may; the entries
    /// come from `next`, before new ones. May be called again, after every loss of the connection and of the lease.
    ///
    /// - Throws: `unavailable`, `refused`.
    mutating func takeOver() throws(SignalSourceError)

    /// The next entries, at most `most`; none where nothing came for `waitMillis`.
    ///
    /// - Throws: `unavailable`: entries handed out before and not acknowledged come again after `takeOver`.
    mutating func next(most: Int, waitMillis: Int) throws(SignalSourceError) -> [SignalEntry]

    /// The entries' outcome is stored: they are handed to nobody again.
    ///
    /// - Throws: `unavailable`: they may come again.
    mutating func acknowledge(_ entries: [SignalEntry]) throws(SignalSourceError)

    /// Puts an entry where operators look for what can't be handled, with the reason, then acknowledges it.
    ///
    /// - Throws: `unavailable`: it may come again, and be set aside twice.
    mutating func setAside(_ entry: SignalEntry, reason: String) throws(SignalSourceError)

    /// What lies before this reader.
    ///
    /// - Throws: `unavailable`, `refused`.
    mutating func backlog() throws(SignalSourceError) -> SourceBacklog

    /// Releases the connection; nothing may be called afterwards.
    mutating func close()
}
