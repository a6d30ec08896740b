import RingBuffer
import Synchronization
import ThreadExecutor
import TradingModel

/// How fast a replay runs.
public enum ReplaySpeed: Sendable, Equatable {
    /// As fast as it can.
    case max
    /// So many times as fast as it was.
    case times(Double)

    /// Understands `max`, `real` or a number above 0.
    public init?(_ text: String) {
        if text == "max" {
            self = .max
        } else if text == "real" {
            self = .times(1)
        } else if let factor = Double(text), factor > 0, factor.isFinite {
            self = .times(factor)
        } else {
            return nil
        }
    }
}

/// Asks a replay to end, from any thread, and wakes it where it waits.
final class ReplayStop: Sendable {
    private let isAsked = Atomic<Bool>(false)
    private let isTerminated = Atomic<Bool>(false)
    private let parker = Parker()

    /// Whether the replay is to end.
    var isRequested: Bool { isAsked.load(ordering: .acquiring) }

    /// Whether that was asked for by SIGTERM.
    var isTermination: Bool { isRequested && isTerminated.load(ordering: .relaxed) }

    /// Asks.
    func request(isTermination: Bool) {
        // relaxed: what follows publishes it.
        if isTermination { isTerminated.store(true, ordering: .relaxed) }
        isAsked.store(true, ordering: .releasing)
        parker.wake()
    }

    /// Replay's thread: waits until a time, or until it is to end.
    func wait(until due: MonotonicNanos) {
        while !isRequested {
            let now = MonotonicClock.now()
            guard now < due else { return }
            parker.prepare()
            if isRequested { parker.cancel() } else { parker.wait(timeoutNanos: due.nanos(since: now)) }
        }
    }
}

/// Holds a replay to the pace of what it replays: open loop, so a stall shifts nothing that comes later.
struct ReplayPace {
    /// A wait of about 146 years, which no clock overruns.
    private static let longestNanos = Double(UInt64.max / 4)

    private let speed: ReplaySpeed
    private let stop: ReplayStop
    private var start: (recordedNanos: Int64, played: MonotonicNanos)?

    init(speed: ReplaySpeed, stop: ReplayStop) {
        self.speed = speed
        self.stop = stop
    }

    /// Waits until what happened at a recorded time is due. The first time is due at once, and so is one before it: a run
    /// that began anew, with another clock, begins its pace anew.
    mutating func wait(untilRecorded nanos: Int64) {
        guard case .times(let factor) = speed else { return }
        guard let start, nanos >= start.recordedNanos else { return start = (nanos, MonotonicClock.now()) }
        let wait = min(Double(nanos &- start.recordedNanos) / factor, Self.longestNanos)
        stop.wait(until: MonotonicNanos(rawValue: start.played.rawValue &+ UInt64(wait)))
    }
}
