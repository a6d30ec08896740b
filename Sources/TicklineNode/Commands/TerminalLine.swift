import Foundation

/// A line of a terminal that is written again and again in its place: it must not reach the next one.
enum TerminalLine {
    /// Of a terminal that does not tell.
    private static let usualColumns = 80
    private static let leastBarColumns = 5

    /// Columns of the terminal that is standard error.
    static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return usualColumns }
        return Int(size.ws_col)
    }

    /// A bar of at most `barColumns` and words, in fewer than `columns`; the bar gives way first.
    static func text(done: Int, total: Int, barColumns: Int, _ words: String, columns: Int = TerminalLine.columns)
        -> String
    {
        let room = max(0, columns - 1)
        let width = min(barColumns, room - words.count - "[] ".count)
        guard width >= leastBarColumns else { return String(words.prefix(room)) }
        let filled = total > 0 ? width * min(done, total) / total : 0
        return "[\(String(repeating: "#", count: filled))\(String(repeating: ".", count: width - filled))] \(words)"
    }

    /// Writes it over what stands there.
    static func write(_ text: String) { FileHandle.standardError.write(Data("\r\(text)\u{1B}[K".utf8)) }
}
