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
        let filled = 30 * done / total
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
        FileHandle.standardError.write(Data("\r[\(bar)] segment \(done + 1) of \(total), \(words())\u{1B}[K".utf8))
    }

    /// Takes the line away, for another to be printed.
    func finish() {
        if isShown, shownAt.rawValue > 0 { FileHandle.standardError.write(Data("\r\u{1B}[K".utf8)) }
    }
}
