/// When a fault happens.
public enum FaultTrigger: Sendable, Hashable {
    /// When the simulator starts, or when the rule is injected.
    case atOnce
    /// After this many messages of the rule's stream (of all streams where it names none) in each replay. For cuts: each
    /// connection after this many data messages.
    case afterMessages(Int)
    /// After each run of this many messages, counted as above.
    case everyMessages(Int)
    /// Again and again while a replay runs, after a time drawn from this range.
    case every(ClosedRange<Duration>)
}

/// A fault, the stream it concerns and when it happens.
public struct FaultRule: Sendable, Hashable {
    /// What happens.
    public var fault: ExchangeFault
    /// The stream whose messages suffer, as a client would ask for it; nil: the stream of the next message.
    public var stream: String?
    /// When.
    public var trigger: FaultTrigger

    /// A rule.
    public init(_ fault: ExchangeFault, on stream: String? = nil, _ trigger: FaultTrigger = .atOnce) {
        self.fault = fault
        self.stream = stream
        self.trigger = trigger
    }

    func validate() throws(SimulatorError) {
        try fault.validate()
        switch trigger {
        case .atOnce: break
        case .afterMessages(let count), .everyMessages(let count):
            guard count > 0 else {
                throw .invalidSetting("after and every take a number of messages above 0, not \(count)")
            }
            if case .everyMessages = trigger, case .cut = fault {
                throw .invalidSetting("a cut takes after=COUNT, which is counted on each connection, or every=TIME")
            }
        case .every(let interval):
            guard interval.lowerBound >= .milliseconds(1) else {
                throw .invalidSetting("every takes times of at least 1ms")
            }
        }
        if stream != nil, !fault.takesStream {
            throw .invalidSetting("\(fault) concerns connections, not one stream; leave stream= out")
        }
    }
}
