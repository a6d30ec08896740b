package import TradingModel

/// The times of the latest events, for keeping their number in any stretch of one length below a limit.
///
/// Has no clock. All memory is taken at creation; every method is O(1).
package struct SlidingWindow: Sendable {
    private let lengthMillis: UInt64
    /// A ring; nil where nothing happened yet.
    private var times: [MonotonicNanos?]
    private var next = 0

    /// Remembers the latest `capacity` events.
    package init(capacity: Int, lengthMillis: UInt64) {
        precondition(capacity > 0, "a window of no events")
        self.lengthMillis = lengthMillis
        times = Array(repeating: nil, count: capacity)
    }

    /// The first moment, not before `now`, at which fewer than `limit` events lie in the window. An event is in it for its
    /// whole length, the end not included.
    package func admission(below limit: Int, notBefore now: MonotonicNanos) -> MonotonicNanos {
        precondition((1...times.count).contains(limit), "more than is remembered")
        guard let time = times[(next + times.count - limit) % times.count] else { return now }
        return max(now, time.adding(millis: lengthMillis))
    }

    /// The latest event; nil before the first.
    package var latest: MonotonicNanos? { times[(next + times.count - 1) % times.count] }

    /// Takes an event; times don't go back.
    package mutating func record(at now: MonotonicNanos) {
        times[next] = now
        next = (next + 1) % times.count
    }

    /// Forgets all events.
    package mutating func removeAll() {
        for index in times.indices { times[index] = nil }
    }
}
