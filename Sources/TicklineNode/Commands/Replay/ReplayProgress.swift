import Foundation
import ThreadExecutor
import TradingModel

/// How far a replay is, on standard error: a bar on a terminal, else a line every few seconds.
struct ReplayProgress {
    /// On a terminal five times a second.
    private static let barNanos: UInt64 = 200_000_000
    private static let lineNanos: UInt64 = 3_000_000_000

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let isQuiet: Bool
    private let start = MonotonicClock.now()
    /// When what is being done now was begun.
    private var begunAt: MonotonicNanos
    private var shownAt: MonotonicNanos
    private var hasBar = false

    /// - Parameter isQuiet: whether nothing is shown.
    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
        begunAt = start
        shownAt = start
    }

    /// Something else is being done from here on.
    mutating func beginNext() { begunAt = MonotonicClock.now() }

    /// Seconds since the beginning.
    var seconds: Double { Double(MonotonicClock.now().nanos(since: start)) / 1e9 }

    /// Shows that `done` of `total` are done, not too often.
    ///
    /// - Parameter secondsLeft: nil where the rate so far tells.
    mutating func show(
        _ verb: String, done: Int, total: Int, unit: String, signals: Int? = nil, secondsLeft: Double? = nil
    ) {
        guard !isQuiet else { return }
        let now = MonotonicClock.now()
        guard now.nanos(since: shownAt) >= (isTerminal ? Self.barNanos : Self.lineNanos) else { return }
        shownAt = now
        let line = Self.line(
            verb, done: done, total: total, unit: unit, signals: signals,
            seconds: Double(now.nanos(since: begunAt)) / 1e9, secondsLeft: secondsLeft)
        guard isTerminal else { return printStatus(line) }
        hasBar = true
        TerminalLine.write(TerminalLine.text(done: done, total: total, barColumns: 20, line))
    }

    /// Takes the bar away, for a line to be printed.
    mutating func clear() {
        if hasBar { TerminalLine.write("") }
        hasBar = false
    }

    /// `replaying: 41% (16912 of 41248 messages), 84560/s, 12 signals, 0:07 left`.
    static func line(
        _ verb: String, done: Int, total: Int, unit: String, signals: Int?, seconds: Double, secondsLeft: Double?
    ) -> String {
        let rate = seconds > 0 ? Double(done) / seconds : 0
        let percent = total > 0 ? 100 * min(done, total) / total : 0
        var line = "\(verb): \(percent)% (\(done) of \(total) \(unit)), \(Int(rate))/s"
        if let signals { line += ", \(signals) signals" }
        if let left = secondsLeft ?? (rate > 0 ? Double(Swift.max(0, total - done)) / rate : nil) {
            let left = Int(Swift.min(left, longestSeconds))
            line += ", \(left / 60):\(left % 60 < 10 ? "0" : "")\(left % 60) left"
        }
        return line
    }

    /// A hundred days: a very slow replay is not told more exactly.
    private static let longestSeconds = 8_640_000.0
}
