internal import MarketRecording

/// The faults that last, wait or repeat, without I/O and without a clock. Used on the event loop only.
struct FaultPlan {
    /// How frames are written and pings answered.
    struct Shape {
        var fragmentBytes: Int?
        var writeBytes: Int?
        var answersPings = true
    }

    /// A fault that comes after so many messages.
    private struct CountRule {
        var rule: FaultRule
        var streams: [Int]?
        var count: Int
        var repeats: Bool
        var seen = 0
    }

    /// Faults that may wait for messages of one stream.
    static let maximumWaiting = 1_024

    private(set) var shape = Shape()
    /// Cuts that come by each connection's own count of messages.
    private(set) var connectionCuts: [(messages: Int, cut: ConnectionCut)] = []
    /// Rules that come by the clock.
    private(set) var timedRules: [FaultRule] = []
    /// Those of answers to requests.
    var rest = RESTFaultQueue()
    var random: SeededRandom

    private let streams: [RecordedStream]
    private var countRules: [CountRule] = []
    private var subscriptions: [(stream: String?, fault: SubscriptionFault)] = []
    private var handshakes: [(fault: HandshakeFault, left: Int)] = []
    private var waiting: [[MessageFault]]
    /// Those that take the stream of whatever message comes next.
    private var unbound: [MessageFault] = []

    init(streams: [RecordedStream], seed: UInt64) {
        self.streams = streams
        random = SeededRandom(seed: seed)
        waiting = Array(repeating: [], count: streams.count)
    }

    // MARK: Rules

    /// Keeps a rule whose time comes later.
    mutating func add(_ rule: FaultRule) throws(SimulatorError) {
        switch rule.trigger {
        case .atOnce: preconditionFailure("what happens at once is no rule to keep")
        case .every: timedRules.append(rule)
        case .afterMessages(let count), .everyMessages(let count):
            if case .cut(let cut) = rule.fault { return connectionCuts.append((count, cut)) }
            var repeats = false
            if case .everyMessages = rule.trigger { repeats = true }
            countRules.append(
                CountRule(rule: rule, streams: try indices(of: rule.stream), count: count, repeats: repeats))
        }
    }

    /// A replay begins: messages are counted anew.
    mutating func beginReplay() { for index in countRules.indices { countRules[index].seen = 0 } }

    /// Counts a message of `stream` and returns the rules whose time has come with it.
    mutating func dueRules(messageOf stream: Int) -> [FaultRule] {
        guard !countRules.isEmpty else { return [] }
        var due: [FaultRule] = []
        for index in countRules.indices where countRules[index].streams?.contains(stream) ?? true {
            let rule = countRules[index]
            if rule.seen == rule.count || rule.repeats && rule.seen > 0 && rule.seen % rule.count == 0 {
                due.append(rule.rule)
            }
            countRules[index].seen += 1
        }
        return due
    }

    /// Whether a connection that has had this many messages is to be cut.
    func cut(afterMessages count: Int) -> ConnectionCut? { connectionCuts.first { $0.messages == count }?.cut }

    // MARK: What lasts or waits

    /// Makes a fault last or wait; false where it is one of the moment, for the caller to carry out.
    mutating func take(_ fault: ExchangeFault, on stream: String?) throws(SimulatorError) -> Bool {
        switch fault {
        case .fragment(let bytes): shape.fragmentBytes = bytes
        case .shortWrites(let bytes): shape.writeBytes = bytes
        case .noPongs: shape.answersPings = false
        case .subscriptions(let fault): subscriptions.append((stream, fault))
        case .handshake(let fault, let count): handshakes.append((fault, count))
        case .rest(let fault, let count): try rest.add(fault, count: count)
        case .gap, .duplicate, .reorder, .malformed, .spike: try wait(MessageFault(fault), on: stream)
        case .cut, .pings, .serverShutdown, .calm: return false
        }
        return true
    }

    private mutating func wait(_ fault: MessageFault, on stream: String?) throws(SimulatorError) {
        guard let indices = try indices(of: stream) else {
            guard unbound.count < Self.maximumWaiting else { throw .tooManyFaults(Self.maximumWaiting) }
            return unbound.append(fault)
        }
        for index in indices {
            guard waiting[index].count < Self.maximumWaiting else { throw .tooManyFaults(Self.maximumWaiting) }
            waiting[index].append(fault)
        }
    }

    /// The streams of the source that a client gets under this name; nil for no name.
    private func indices(of stream: String?) throws(SimulatorError) -> [Int]? {
        guard let stream else { return nil }
        let indices = streams.indices.filter { streams[$0].matches(stream) }
        guard !indices.isEmpty else { throw .unknownStream(stream) }
        return indices
    }

    /// Ends everything; what is held back must have been released before.
    mutating func calm() {
        shape = Shape()
        connectionCuts = []
        timedRules = []
        countRules = []
        subscriptions = []
        handshakes = []
        rest.removeAll()
        unbound = []
        for index in waiting.indices { waiting[index] = [] }
    }

    /// Whether messages of a stream go out as they are.
    func isSound(_ stream: Int) -> Bool { waiting[stream].isEmpty && unbound.isEmpty }

    /// What goes out when a message of a stream comes.
    mutating func deliveries(of message: StoredMessage) -> [MessageFault.Delivery] {
        let stream = message.head.stream
        if waiting[stream].isEmpty, !unbound.isEmpty { waiting[stream].append(unbound.removeFirst()) }
        guard !waiting[stream].isEmpty else { return [.init(message: message, treatment: .sound)] }
        let deliveries = waiting[stream][0].take(message, &random)
        if waiting[stream][0].isDone { waiting[stream].removeFirst() }
        return deliveries
    }

    /// What is still held back when no more messages come.
    mutating func releaseAll() -> [MessageFault.Delivery] {
        var deliveries: [MessageFault.Delivery] = []
        for index in waiting.indices where !waiting[index].isEmpty && waiting[index][0].isHolding {
            deliveries += waiting[index][0].release(&random)
            waiting[index].removeFirst()
        }
        return deliveries
    }

    /// How a request for these streams goes wrong.
    func subscriptionFault(for names: [String]) -> SubscriptionFault? {
        subscriptions.first { $0.stream.map(names.contains) ?? true }?.fault
    }

    /// How the next handshake goes wrong.
    mutating func nextHandshake() -> HandshakeFault? {
        guard let first = handshakes.first else { return nil }
        handshakes[0].left -= 1
        if handshakes[0].left == 0 { handshakes.removeFirst() }
        return first.fault
    }
}
