import Foundation
import Journal
import Replay
import ThreadExecutor
import TradingModel

/// `tickline journal verify`: whether a journal is as it was written.
public enum JournalVerifyCommand {
    /// Prints what it finds, one line each, and what it read. Returns the exit status: 1 where anything is damaged or differs.
    ///
    /// - Parameter path: a data folder or the journal folder in it.
    public static func run(path: String) async -> Int32 {
        var damage = 0
        let status = await exitStatus {
            _ = try JournalFolder(userPath: path)
            let start = MonotonicClock.now()
            var output = QueryOutput()
            var verification = try JournalVerification(path: JournalFolder.path(fromUser: path))
            var progress = ProgressLine(total: verification.segmentCount)
            var lines: [String] = []
            do {
                try verification.run { done, figures in
                    progress.show(done: done, "\(figures.entries) entries, \(figures.records) records")
                } found: { finding in
                    if finding.isDamage { damage += 1 }
                    lines.append("\(finding)")
                }
            } catch {
                progress.finish()
                try output.print(lines)
                throw error
            }
            progress.finish()
            let figures = verification.figures
            let seconds = Double(MonotonicClock.now().nanos(since: start)) / 1e9
            lines.append(
                "\(damage == 0 ? "sound" : "damaged in \(damage) place\(damage == 1 ? "" : "s")"):"
                    + " \(figures.segments) segments, \(figures.entries) entries, \(figures.bytes) bytes, \(figures.runs) runs,"
                    + " \(figures.records) records and \(figures.signals) signals played again,"
                    + " \(String(format: "%.3f", seconds)) seconds")
            try output.print(lines)
        }
        return status == ExitStatus.success && damage > 0 ? ExitStatus.failure : status
    }
}
