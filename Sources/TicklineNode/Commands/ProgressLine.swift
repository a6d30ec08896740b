import Foundation
import ThreadExecutor
import TradingModel

/// A line on a terminal that says how far a journal is read.
struct ProgressLine {
    private static let intervalNanos: UInt64 = 200_000_000
    private let total: Int
    private let isShown = isatty(STDERR_FILENO) == 1
    private var shownAt = MonotonicNanos(rawValue: 0)

    /// Of so many segments.
    init(total: Int) { self.total = max(1, total) }

    /// Shows that `done` segments are read, at most five times a second, with further words.
    mutating func show(done: Int, _ words: @autoclosure () -> String) {
        guard isShown else { return }
        let now = MonotonicClock.now()
        guard now.rawValue - shownAt.rawValue > Self.intervalNanos else { return }
        shownAt = now
        let done = min(done, total - 1)
        TerminalLine.write(
            TerminalLine.text(
                done: done, total: total, barColumns: 30, "segment \(done + 1) of \(total), \(words())"))
    }

    /// Takes the line away, for another to be printed.
    func finish() {
        if isShown, shownAt.rawValue > 0 { TerminalLine.write("") }
    }
}
