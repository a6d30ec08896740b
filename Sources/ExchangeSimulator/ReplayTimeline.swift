/// When the next message is due: the clock of a replay, without I/O and without a clock of its own.
///
/// Open loop: intended times follow from the start and the message's offset alone, so a stall shifts nothing; what
/// became due meanwhile is sent in a burst.
struct ReplayTimeline: ~Copyable {
    /// What to do with the next message.
    enum Action: Equatable {
        /// Send it now.
        case send
        /// Look again at this monotonic time, nanoseconds.
        case wait(untilNanos: Int64)
        /// Look again when subscribers come or can take more.
        case hold
    }

    private enum State: Equatable {
        case idle
        case running(startNanos: Int64)
        case finished
    }

    private let pacing: ReplayPacing
    private var state = State.idle

    init(pacing: ReplayPacing) { self.pacing = pacing }

    var isIdle: Bool { state == .idle }
    var isFinished: Bool { state == .finished }
    var isRunning: Bool { !isIdle && !isFinished }
    /// Whether time passes without subscribers.
    var isTimed: Bool { pacing != .asFastAsPossible }

    mutating func start(nowNanos: Int64) {
        precondition(isIdle, "a replay starts once")
        state = .running(startNanos: nowNanos)
    }

    mutating func finish() {
        precondition(isRunning, "only a running replay ends")
        state = .finished
    }

    mutating func rewind() {
        precondition(isFinished, "only a finished replay starts anew")
        state = .idle
    }

    /// The monotonic time at which a message is to be sent; the start where nothing is timed.
    func intendedNanos(offsetNanos: Int64) -> Int64 {
        guard case .running(let start) = state else { preconditionFailure("a replay that does not run has no times") }
        switch pacing {
        case .recorded: return start &+ offsetNanos
        case .speed(let factor):
            // A slow factor may put a far message beyond the clock's range: then it is never due.
            let scaled = Double(offsetNanos) / factor
            return scaled < Double(Int64.max / 2) ? start &+ Int64(scaled) : Int64.max
        case .asFastAsPossible: return start
        }
    }

    /// What to do with a message at `offsetNanos`; `isReady`: there are subscribers and all of them can take more.
    func action(offsetNanos: Int64, nowNanos: Int64, isReady: Bool) -> Action {
        guard isTimed else { return isReady ? .send : .hold }
        let intended = intendedNanos(offsetNanos: offsetNanos)
        return intended <= nowNanos ? .send : .wait(untilNanos: intended)
    }
}
