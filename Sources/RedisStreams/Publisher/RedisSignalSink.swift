import Telemetry
import ThreadExecutor
public import TradingModel

/// The engine's end of a `SignalPublisher`: formats each signal into the outbox and, while the socket is the engine's to
/// write, sends it before `publish` returns.
///
/// Owned and used by the engine's thread alone. No call blocks, allocates or takes a lock. After the publisher has stopped
/// signals are still queued until the outbox is full, and never sent.
public struct RedisSignalSink: ~Copyable, SignalSink {
    /// Sends of one batch after which further signals wait for `flush` and leave in one system call. A send costs up to
    /// 15 µs where it wakes an idle server, so four keep a lone crossing immediate and a burst from paying for each.
    static let mostSendsPerBatch = 4

    private let core: PublisherCore
    private let outbox: Outbox
    private let format: SignalCommandFormat
    private let metrics: PublisherMetrics
    private var sendsInBatch = 0
    private var isHoldingBack = false

    init(core: PublisherCore) {
        self.core = core
        outbox = core.outbox
        format = core.format
        metrics = core.metrics
    }

    /// Whether the next `count` signals would be kept. One load.
    public func hasRoom(for count: Int) -> Bool { outbox.freeSlots >= count }

    /// Keeps the signal and sends it where that is possible now. O(1). // hot path: HotPathTests, probe `sink`
    public mutating func publish(_ signal: borrowing Decision) -> PublishOutcome {
        let free = outbox.freeSlots
        guard free > 0 else {
            metrics.refusedFull.addFromOnlyWriter()
            core.wakeup.wake()
            return .full
        }
        let position = outbox.head
        let slot = outbox.slot(position)
        let memory = unsafe UnsafeMutableBufferPointer(
            start: outbox.commands + slot &* outbox.slotBytes, count: outbox.slotBytes)
        let written = unsafe format.write(signal, to: memory)
        unsafe outbox.headers[slot] = OutboxHeader(
            identifierHash: written.identifierHash, receiveMonotonicNanos: signal.receiveMonotonic.rawValue,
            commandBytes: UInt32(truncatingIfNeeded: written.bytes))
        outbox.append()
        // Near its end only the publisher can make room, by giving up what is kept for a failover.
        if free < outbox.capacity / 8 { core.wakeup.wake() }
        guard sendsInBatch < Self.mostSendsPerBatch else {
            isHoldingBack = true
            return .queued
        }
        sendsInBatch &+= 1
        return sendOwned(head: position &+ 1, unmeasured: position) ? .sent : .queued
    }

    /// Sends what the batch has held back, in one system call for up to 64 signals, and measures it. // hot path: HotPathTests, probe `sink`
    public mutating func flush() {
        sendsInBatch = 0
        guard isHoldingBack else { return }
        isHoldingBack = false
        _ = sendOwned(head: outbox.head, unmeasured: .max)
    }

    /// Sends everything up to `head` if the socket is ours to write; false where the publisher does the rest.
    @inline(__always)
    private func sendOwned(head: UInt64, unmeasured: UInt64) -> Bool {
        switch outbox.ownership.tryBegin() {
        case .begun: break
        case .publisherOwns: return false
        case .publisherWaits:
            core.wakeup.wake()
            return false
        }
        var limit = outbox.sent
        while limit != head, unsafe !outbox.knownIdentifiers.contains(outbox.headers[outbox.slot(limit)].identifierHash)
        {
            limit &+= 1
        }
        let recorder = metrics.engineTickToSignal
        let result = outbox.send(
            upTo: limit, to: PlainSocket(descriptor: outbox.descriptor), now: { MonotonicClock.now().rawValue },
            unmeasured: unmeasured
        ) {
            recorder.record(nanos: MonotonicClock.now().nanos(since: MonotonicNanos(rawValue: $0)))
        }
        if result == .complete, limit == head {
            outbox.ownership.end()
            return true
        }
        // A short write, a broken socket or an id the stream may hold: the publisher's thread goes on from here. Where
        // the signal at `unmeasured` was written after all, only something behind it is left: there is nothing behind it.
        outbox.ownership.handOver()
        core.wakeup.wake()
        return false
    }
}
