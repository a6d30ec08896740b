import TradingModel

/// Decides when a batch is written, retried and given up to a pause; it does no I/O and reads no clock.
///
/// The owner asks `next`, does what it says and reports the outcome. A batch, once handed out by `write`, is written again
/// unchanged until `acknowledged`. Every failure leads through `prepare` again: the server that comes back may be an
/// empty one, without indexes and retention. Used by one thread; all calls are O(1). Impossible reports trap.
struct BatchStateMachine: ~Copyable {
    /// What the owner does now.
    enum Action: Equatable {
        /// Prepare the store and report `prepared` or `failed`.
        case prepare
        /// Write the batch in hand, or take a new one if there is none, and report `acknowledged` or `failed`.
        case write
        /// Sleep, at most so long, and ask again.
        case wait(nanos: UInt64)
        /// Nothing is left to do, or no time to do it in.
        case finish
    }

    private enum State {
        case preparing
        /// Prepared; the first unwritten record was seen at `since`.
        case gathering(since: MonotonicNanos?)
        case writing
        case backingOff(until: MonotonicNanos)
    }

    private let mostRecords: Int
    private let ageNanos: UInt64
    private let pollNanos: UInt64
    private let firstBackoffNanos: UInt64
    private let longestBackoffNanos: UInt64
    private var state = State.preparing
    /// Attempts that failed since the last success.
    private(set) var failedAttempts = 0
    /// A batch was handed out and is not acknowledged yet.
    private(set) var hasBatch = false

    init(configuration: StoreWriterConfiguration) {
        mostRecords = configuration.mostBatchSlots
        ageNanos = nanos(millis: configuration.batchAgeMillis)
        pollNanos = max(1, nanos(millis: configuration.pollMillis))
        firstBackoffNanos = max(1, nanos(millis: configuration.firstBackoffMillis))
        longestBackoffNanos = max(firstBackoffNanos, nanos(millis: configuration.longestBackoffMillis))
    }

    /// What to do at `now` with `waitingRecords` not yet acknowledged; `stopBy` is set once the writer is to stop.
    mutating func next(waitingRecords: Int, now: MonotonicNanos, stopBy: MonotonicNanos? = nil) -> Action {
        if let stopBy, waitingRecords == 0 || now >= stopBy { return .finish }
        switch state {
        case .preparing:
            return .prepare
        case .writing:
            return .write
        case .backingOff(let until):
            guard now < until else {
                state = .preparing
                return .prepare
            }
            let end = stopBy.map { min($0, until) } ?? until
            return .wait(nanos: end.nanos(since: now))
        case .gathering(let since):
            guard waitingRecords > 0 else {
                state = .gathering(since: nil)
                return .wait(nanos: pollNanos)
            }
            let since = since ?? now
            let age = now.nanos(since: since)
            guard waitingRecords >= mostRecords || age >= ageNanos || stopBy != nil else {
                state = .gathering(since: since)
                return .wait(nanos: min(pollNanos, ageNanos - age))
            }
            state = .writing
            hasBatch = true
            return .write
        }
    }

    /// The store is prepared; a batch in hand is written next.
    mutating func prepared() {
        guard case .preparing = state else { preconditionFailure("the store was not being prepared") }
        failedAttempts = hasBatch ? failedAttempts : 0
        state = hasBatch ? .writing : .gathering(since: nil)
    }

    /// The batch is stored. Records that came meanwhile have waited since `now` at the latest.
    mutating func acknowledged(now: MonotonicNanos, waitingRecords: Int) {
        guard case .writing = state else { preconditionFailure("no batch was being written") }
        hasBatch = false
        failedAttempts = 0
        state = .gathering(since: waitingRecords > 0 ? now : nil)
    }

    /// The attempt failed. The pause doubles from the first to the longest, its upper half drawn by `jitter` (0 to 1), so
    /// that many writers do not come back together; after a refusal it is the longest at once.
    mutating func failed(now: MonotonicNanos, isRefusal: Bool, jitter: Double) {
        switch state {
        case .preparing, .writing: break
        case .gathering, .backingOff: preconditionFailure("no attempt was under way")
        }
        // 2^20 times the first pause is above any sensible longest one; the cap keeps the shift in range.
        let doublings = UInt64(min(failedAttempts, 20))
        failedAttempts += 1
        let (doubled, isTooLong) = firstBackoffNanos.multipliedReportingOverflow(by: 1 << doublings)
        let full = isRefusal || isTooLong ? longestBackoffNanos : min(doubled, longestBackoffNanos)
        let half = full / 2
        let drawn = half + UInt64(Double(full - half) * min(1, max(0, jitter)))
        state = .backingOff(until: MonotonicNanos(rawValue: now.rawValue &+ max(firstBackoffNanos, drawn)))
    }
}
