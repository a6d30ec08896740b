/// Growing, capped and jittered waits between connection attempts; there is no last attempt.
package struct Backoff: Sendable {
    /// Shortest wait.
    package static let shortestMillis: UInt64 = 100
    /// Longest wait.
    package static let longestMillis: UInt64 = 10_000

    private var failures: UInt64 = 0

    /// Creates one that has seen no failure.
    package init() {}

    /// The next wait: uniform from 100 ms to a limit that doubles from 200 ms to 10 s, so that many clients cut at once come
    /// back apart ("full jitter", Brooker 2015, with a floor). `random` is uniform over all 64 bits.
    package mutating func nextDelayNanos(random: UInt64) -> UInt64 {
        let limitMillis = min(Self.longestMillis, Self.shortestMillis << min(failures + 1, 10))
        failures += 1
        let spanNanos = (limitMillis - Self.shortestMillis) * 1_000_000
        return Self.shortestMillis * 1_000_000 + random % (spanNanos + 1)
    }

    /// Begins anew, after a connection that lasted.
    package mutating func reset() { failures = 0 }
}
