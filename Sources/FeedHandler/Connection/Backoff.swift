/// Growing, capped and jittered waits between connection attempts; there is no last attempt.
///
/// Most outages are short, so the wait stays below a second for the first attempts (`shortOutageFailures`, some 18 s): who
/// comes back is seen within it. Only then does it grow to ten seconds.
package struct Backoff: Sendable {
    /// Shortest wait.
    package static let shortestMillis: UInt64 = 100
    /// Longest wait of the first attempts.
    package static let longestShortOutageMillis: UInt64 = 800
    /// Failures after which an outage no longer counts as short. With 0.45 s a wait on average, then 5 s, one feed makes
    /// fewer than 100 attempts in the first five minutes of an outage; an exchange allows 300.
    package static let shortOutageFailures: UInt64 = 40
    /// Longest wait.
    package static let longestMillis: UInt64 = 10_000

    private var failures: UInt64 = 0

    /// Creates one that has seen no failure.
    package init() {}

    /// The longest the wait after so many failures can be.
    package static func limitMillis(failures: UInt64) -> UInt64 {
        guard failures >= shortOutageFailures else {
            return min(longestShortOutageMillis, shortestMillis << min(failures + 1, 3))
        }
        return min(longestMillis, longestShortOutageMillis << min(failures - shortOutageFailures + 1, 4))
    }

    /// The next wait: uniform from 100 ms to a limit that doubles from 200 ms to 800 ms, later on to 10 s, so that many
    /// clients cut at once come back apart ("full jitter", Brooker 2015, with a floor). `random` is uniform over all 64 bits.
    package mutating func nextDelayNanos(random: UInt64) -> UInt64 {
        let spanNanos = (Self.limitMillis(failures: failures) - Self.shortestMillis) * 1_000_000
        failures += 1
        return Self.shortestMillis * 1_000_000 + random % (spanNanos + 1)
    }

    /// Begins anew, after a connection that lasted.
    package mutating func reset() { failures = 0 }
}
