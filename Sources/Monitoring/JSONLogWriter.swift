import Glibc
import Synchronization
public import Telemetry
import TradingModel

/// Where log lines go: one descriptor, one `write` a line, never interleaved, and limited in rate.
///
/// Of the same message of the same logger, `mostPerSecond` lines a second are written. What is beyond is counted in
/// `tickline_log_suppressed_total` and told by one line when its second is over, at the next line of any logger or at
/// `flush`. Lines the descriptor does not take (a full pipe that does not block, a closed one) are dropped and counted in
/// `tickline_log_dropped_total`: logging never fails the process, provided that it ignores SIGPIPE.
public final class JSONLogWriter: Sendable {
    /// Lines of one logger and message within a second.
    public static let mostPerSecond = 10
    /// Messages told apart within a second; further ones share one limit.
    public static let mostMessages = 1_024

    private struct Key: Hashable {
        var logger: String
        var message: String
    }

    private struct Window {
        var start: MonotonicNanos
        var level: String
        var count = 0
    }

    private struct State {
        var windows: [Key: Window] = [:]
        var lastSweep = MonotonicNanos(rawValue: 0)
    }

    private let descriptor: Int32
    private let state = Mutex(State())
    private let suppressed: Counter
    private let dropped: Counter
    // Keeps the counters' memory.
    private let metrics: MetricsRegistry
    private let clock: @Sendable () -> MonotonicNanos

    /// A writer to `descriptor`, standard error by default, which stays its owner's.
    public convenience init(metrics: MetricsRegistry, descriptor: Int32 = STDERR_FILENO) {
        self.init(metrics: metrics, descriptor: descriptor, clock: { Self.monotonicNow() })
    }

    /// The same with another clock, for tests.
    init(metrics: MetricsRegistry, descriptor: Int32, clock: @escaping @Sendable () -> MonotonicNanos) {
        self.metrics = metrics
        self.descriptor = descriptor
        self.clock = clock
        suppressed = metrics.counter(
            "tickline_log_suppressed_total", help: "Log lines left out because the same message came too often.")
        dropped = metrics.counter("tickline_log_dropped_total", help: "Log lines standard error did not take.")
    }

    /// Writes what is still to be told about suppressed lines; call it at the end of the process.
    public func flush() {
        state.withLock { tellSuppressed(&$0, now: clock(), all: true) }
    }

    /// Writes one line unless its message came too often; any thread but the hot ones; waits while the descriptor does.
    func write(logger: String, message: String, level: String, line: (_ time: String) -> String) {
        state.withLock { state in
            let now = clock()
            tellSuppressed(&state, now: now, all: false)
            var key = Key(logger: logger, message: message)
            if state.windows[key] == nil, state.windows.count >= Self.mostMessages {
                key = Key(logger: "", message: "other messages")
            }
            var window = state.windows[key] ?? Window(start: now, level: level)
            window.count += 1
            state.windows[key] = window
            if window.count <= Self.mostPerSecond { put(line(Self.time())) } else { suppressed.add() }
        }
    }

    /// Closes the windows whose second is over. It visits them all, so it does so at most every 100 ms.
    private func tellSuppressed(_ state: inout State, now: MonotonicNanos, all: Bool) {
        guard all || now.nanos(since: state.lastSweep) >= 100_000_000 else { return }
        state.lastSweep = now
        for (key, window) in state.windows where all || now.nanos(since: window.start) >= 1_000_000_000 {
            state.windows[key] = nil
            let more = window.count - Self.mostPerSecond
            guard more > 0 else { continue }
            put(
                JSONText.object {
                    $0.member("time", Self.time())
                    $0.member("level", window.level)
                    $0.member("logger", key.logger)
                    $0.member("message", "suppressed \(more) more of: \(SecretMask.masked(key.message).prefix(200))")
                    $0.member("suppressed", json: "\(more)")
                })
        }
    }

    private func put(_ line: String) {
        var bytes = Array(line.utf8)
        bytes.append(0x0A)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written) }
            if count > 0 {
                written += count  // a short write: the rest follows under the same lock
            } else if errno != EINTR {
                dropped.add()
                return
            }
        }
    }

    private static func monotonicNow() -> MonotonicNanos {
        let elapsed = read(CLOCK_MONOTONIC)
        return MonotonicNanos(rawValue: UInt64(elapsed.tv_sec) * 1_000_000_000 + UInt64(elapsed.tv_nsec))
    }

    private static func time() -> String {
        let now = read(CLOCK_REALTIME)
        let millis = Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
        return TextCursor.text { $0.append(rfc3339: UnixNanos(rawValue: millis * 1_000_000)) }
    }

    private static func read(_ id: clockid_t) -> timespec {
        var now = timespec()
        clock_gettime(id, &now)  // can't fail for these clocks
        return now
    }
}
