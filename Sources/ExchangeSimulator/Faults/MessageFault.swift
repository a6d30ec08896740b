internal import NIOCore

/// A message apart from its source.
struct StoredMessage: MessageContent {
    var head: MessageHead
    let tradePriceUnits: Int64?
    /// The payload by time unit.
    private var payload: [UInt8]
    private var microsecondPayload: [UInt8]

    /// Copies the message a source stands at.
    init(_ source: any MessageSource, _ head: MessageHead) {
        self.head = head
        tradePriceUnits = source.tradePriceUnits
        var buffer = ByteBuffer()
        source.write(into: &buffer, unit: .milliseconds)
        payload = Array(buffer.readableBytesView)
        buffer.clear()
        source.write(into: &buffer, unit: .microseconds)
        microsecondPayload = Array(buffer.readableBytesView)
    }

    func write(into buffer: inout ByteBuffer, unit: TimeUnit) {
        buffer.writeBytes(unit == .milliseconds ? payload : microsecondPayload)
    }

    /// The message with another payload; nil where `edit` finds nothing to change.
    func edited(_ edit: ([UInt8]) -> [UInt8]?) -> StoredMessage? {
        guard let first = edit(payload), let second = edit(microsecondPayload) else { return nil }
        var copy = self
        copy.payload = first
        copy.microsecondPayload = second
        copy.head.payloadBytes = first.count
        return copy
    }
}

/// What becomes of the next messages of one stream, step by step, without I/O.
struct MessageFault {
    /// A message on its way, and what was done to it.
    struct Delivery {
        var message: StoredMessage
        var treatment: MessageTreatment
    }

    private let fault: ExchangeFault
    private var left: Int
    private var held: [StoredMessage] = []

    /// Whether it has had all its messages.
    var isDone: Bool { left == 0 }
    /// Whether `release` has something to give.
    var isHolding: Bool { !held.isEmpty }

    /// - Precondition: `fault.isOfMessages`.
    init(_ fault: ExchangeFault) {
        self.fault = fault
        switch fault {
        case .gap(let count), .duplicate(let count), .reorder(let count), .malformed(_, let count),
            .spike(_, let count):
            left = count
        default: preconditionFailure("\(fault) is no fault of messages")
        }
    }

    /// Takes the next message and returns what goes out now.
    mutating func take(_ message: StoredMessage, _ random: inout SeededRandom) -> [Delivery] {
        left -= 1
        switch fault {
        case .gap: return [Delivery(message: message, treatment: .withheld)]
        case .duplicate:
            held.append(message)
            return [Delivery(message: message, treatment: .sound)] + (isDone ? release(&random) : [])
        case .reorder:
            held.append(message)
            return isDone ? release(&random) : []
        case .malformed(let kind, _): return [Self.spoiled(message, kind ?? Self.draw(&random))]
        case .spike(let factor, _):
            guard let spiked = message.edited({ PayloadEdit.scalingPrices($0, by: factor) }) else { break }
            return [Delivery(message: spiked, treatment: .spiked)]
        default: break
        }
        return [Delivery(message: message, treatment: .sound)]
    }

    /// Lets go of what is held back: the count is full, or no more messages come.
    mutating func release(_ random: inout SeededRandom) -> [Delivery] {
        defer { held = [] }
        if case .duplicate = fault { return held.map { Delivery(message: $0, treatment: .duplicate) } }
        let order = Self.shuffled(held.count, &random)
        return order.enumerated().map { place, index in
            Delivery(message: held[index], treatment: place == index ? .sound : .reordered)
        }
    }

    private static func draw(_ random: inout SeededRandom) -> Malformation {
        Malformation.allCases[Int(random.below(UInt64(Malformation.allCases.count)))]
    }

    /// Where a payload has no member to spoil, it becomes garbage.
    private static func spoiled(_ message: StoredMessage, _ kind: Malformation) -> Delivery {
        guard let edited = message.edited({ kind.spoil(payload: $0) }) else {
            return Delivery(message: message, treatment: .malformed(.garbage))
        }
        return Delivery(message: edited, treatment: .malformed(kind))
    }

    /// 0 ..< count in another order; one element stays alone.
    private static func shuffled(_ count: Int, _ random: inout SeededRandom) -> [Int] {
        var order = (0..<count).shuffled(using: &random)
        if count > 1, order == Array(0..<count) { order.swapAt(0, 1) }
        return order
    }
}
