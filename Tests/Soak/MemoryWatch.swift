import Foundation
import Synchronization
import TestSupport

/// The engine's memory over time, from its own metrics and from the system, sampled beside the faults.
final class MemoryWatch: Sendable {
    private let engine: RunningTickline
    private let started: ContinuousClock.Instant
    /// Time between two samples; an engine that is stopped or busy gives none.
    private let interval: Duration
    private let taken = Mutex<[SoakReport.Sample]>([])

    /// Watches `engine`; seconds count from `started`.
    init(engine: RunningTickline, started: ContinuousClock.Instant, interval: Duration = .milliseconds(500)) {
        self.engine = engine
        self.started = started
        self.interval = interval
    }

    /// Samples until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            let allocated = await engine.metric("tickline_allocated_bytes")
            let resident = Self.anonymousBytes(of: engine.process.processID)
            if allocated > 0, resident > 0 {
                let second = (ContinuousClock.now - started) / .seconds(1)
                taken.withLock {
                    $0.append(.init(second: second, allocatedBytes: allocated, residentBytes: resident))
                }
            }
            // Cancelled in its sleep, it ends at the loop's condition.
            try? await Task.sleep(for: interval)
        }
    }

    /// What is in memory and no file's: pages of the journal's mapped files are the system's to keep or to drop. 0 where
    /// the process is gone.
    private static func anonymousBytes(of process: Int32) -> Double {
        let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) } ?? 0) * 1_024
    }

    /// Taken so far.
    var samples: [SoakReport.Sample] { taken.withLock { $0 } }
}
