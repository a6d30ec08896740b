import Foundation
import Glibc
import TestSupport

/// Asks a listener for `/readyz` at a steady rate, as a load balancer would, and keeps how long each answer took.
///
/// Open-loop: a late answer does not put the next request off, it is charged to it too. What is not charged is how late this
/// machine woke the probe while nothing was outstanding, which says nothing of the server.
struct HealthProbe: Sendable {
    enum Connections { case kept, new }

    struct Figures: Sendable {
        var millis: [Double] = []
        /// Requests without an answer of 200.
        var failures = 0

        /// The value at or below which `fraction` of the answers lie.
        func millis(atFraction fraction: Double) -> Double {
            let sorted = millis.sorted()
            return sorted[max(0, Int((fraction * Double(sorted.count)).rounded(.up)) - 1)]
        }

        var text: String {
            let shown = [0.5, 0.99, 1].map { (millis(atFraction: $0) * 100).rounded() / 100 }
            return
                "\(millis.count) asked, \(failures) failed, p50 \(shown[0]) ms, p99 \(shown[1]) ms, max \(shown[2]) ms"
        }
    }

    let port: Int
    let connections: Connections
    var interval = Duration.milliseconds(20)
    var count = 250

    /// Runs the probe on a thread of its own.
    func run() async -> Figures {
        await withCheckedContinuation { continuation in
            let thread = Thread {
                _ = RealTime.begin(thread: 0)  // where it is not allowed the probe is only less sharp
                continuation.resume(returning: measure())
            }
            thread.start()
        }
    }

    private func measure() -> Figures {
        var figures = Figures()
        var client: RawHTTPClient?
        let clock = ContinuousClock()
        var due = clock.now
        for _ in 0..<count {
            var isIdle = false
            if clock.now < due {
                let rest = (due - clock.now).components
                usleep(UInt32(rest.attoseconds / 1_000_000_000_000) + UInt32(rest.seconds) * 1_000_000)
                isIdle = true
            }
            let start = isIdle ? clock.now : due
            if connections == .new { client = nil }
            if !ask(&client) { figures.failures += 1 }
            figures.millis.append((clock.now - start) / .milliseconds(1))
            due += interval
        }
        return figures
    }

    /// One request; on a kept connection that the server has closed meanwhile once more on a new one, as clients do.
    private func ask(_ client: inout RawHTTPClient?) -> Bool {
        for _ in 1...2 {
            let isFresh = client == nil
            do {
                let used = try client ?? RawHTTPClient(port: port)
                client = used
                return try used.get("/readyz").status == 200
            } catch {
                client = nil  // counted by the caller, or tried again
                if isFresh { return false }
            }
        }
        return false
    }
}
