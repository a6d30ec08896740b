import Foundation
import TestSupport
import Testing

/// How wide what a command writes again and again on a terminal's line is.
@Suite struct ProgressWidthTests {
    private let files = RecordedFiles()

    /// Runs a command on a terminal of so many columns (0: one that does not tell) and returns what it wrote there.
    private func terminal(columns: Int, _ arguments: [String]) throws -> String {
        let script = """
            import fcntl, os, pty, struct, sys, termios
            pid, terminal = pty.fork()
            if pid == 0:
                fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
                os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
                os.execv(sys.argv[2], sys.argv[2:])
            while True:
                try:
                    piece = os.read(terminal, 65536)
                except OSError:
                    break
                if not piece:
                    break
                sys.stdout.buffer.write(piece)
            """
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = ["-c", script, "\(columns)", Tickline.executable] + arguments
        process.standardOutput = output
        try process.runUnmasked()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    @Test(arguments: [40, 80, 200, 0]) func `a progress bar stays within its terminal's line`(columns: Int) throws {
        defer { files.folder.remove() }
        // So many a message that the words alone have some 80 columns.
        let trades = (0..<100_000).map { index in
            let time = 1_700_000_000_000 + index / 100
            return #"{"e":"trade","E":\#(time),"s":"BTCUSDT","t":\#(index + 1),"p":"\#(100 + index / 7 % 2)","q":"1","#
                + #""T":\#(time),"m":false,"M":true}"#
        }
        let path = try files.write(trades, as: "trades.ndjson")
        let text = try terminal(
            columns: columns, ["replay", path, "--short", "1", "--long", "2", "--speed", "0.5"])
        let updates = text.split(separator: "\r").filter { $0.contains("replaying") || $0.contains("reading") }
            .map { $0.replacing("\u{1B}[K", with: "") }
        let widest = updates.map(\.count).max() ?? 0
        #expect(updates.count > 5 && widest < (columns == 0 ? 80 : columns), "\(updates.suffix(2))")
        if columns == 200 { #expect(updates.allSatisfy { $0.hasPrefix("[") }) }
        print("figure: \(updates.count) updates of at most \(widest) characters on \(columns) columns")
    }
}
