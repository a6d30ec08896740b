import Synchronization
import Telemetry

/// Asks sentinels every second who the master is, on a thread of its own.
///
/// A server that is no longer the master may go on taking writes: for some 10 s after a planned failover, and for as long as
/// a partition lasts that it shares with us. All of them are lost when it is demoted, so it is left as soon as most sentinels
/// name another server that says itself that it is a master.
final class MasterWatch {
    /// Milliseconds from one round of questions to the next.
    static let intervalMillis = 1_000

    private let core: PublisherCore
    private let connector: RedisConnector

    init(_ core: PublisherCore) {
        self.core = core
        connector = RedisConnector(
            core.configuration, wakeup: Wakeup(), onWake: {}, isStopping: { [core] in core.isStopRequested })
    }

    /// Runs until the publisher is asked to stop.
    func run() {
        while core.sleepUnlessStopping(millis: Self.intervalMillis) {
            guard let current = core.masters.withLock({ $0.current }) else { continue }
            do throws(RedisStreamsError) {
                guard let successor = try connector.successor(of: current) else { continue }
                // The publisher may have found it by itself meanwhile.
                core.masters.withLock { if $0.current == current { $0.successor = successor } }
                core.wakeup.wake()
            } catch {
                // The server named is not reachable or no master yet: no reason to leave the one in use.
                if error != .stopping { core.metrics.countError(error.metricLabel) }
            }
        }
    }
}
