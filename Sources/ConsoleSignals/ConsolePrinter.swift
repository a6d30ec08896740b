import Glibc
internal import RingBuffer
import Synchronization
public import Telemetry
internal import ThreadExecutor
public import TradingModel

/// Prints signals on standard output from a thread of its own: the default destination without Redis.
///
/// Bounded by its ring (8,192 signals); while the reader of standard output does not keep up the engine waits. Once
/// standard output is closed, what follows is counted in `tickline_dropped_total{what="console_signal"}`.
public final class ConsolePrinter: Sendable {
    private static let capacitySlots = 1 << 14

    private let ring = SPSCRing(capacitySlots: ConsolePrinter.capacitySlots)
    private let parker = Parker()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<DedicatedThread?>(nil)
    private let line: SignalLine
    private let format: ConsoleFormat
    private let descriptor: Int32
    private let dropped: Counter

    /// Creates a printer to `descriptor`; nil as format takes the table on a terminal and JSON lines otherwise.
    public init(
        catalog: MarketCatalog, metrics: MetricsRegistry, format: ConsoleFormat? = nil,
        descriptor: Int32 = STDOUT_FILENO
    ) {
        line = SignalLine(catalog: catalog)
        self.descriptor = descriptor
        self.format = format ?? (isatty(descriptor) == 1 ? .table : .jsonLines)
        dropped = metrics.counter(
            "tickline_dropped_total",
            help: "Records that were given up because a bound was reached, by what was dropped.",
            labels: [("what", "console_signal")])
    }

    /// The engine's end; make one.
    public func makeSink() -> ConsoleSignalSink { ConsoleSignalSink(ring: RingProducer(ring, wakes: parker)) }

    /// Starts the printing thread.
    public func start() {
        thread.withLock { $0 = DedicatedThread(name: "console") { [self] in run() } }
    }

    /// Prints what is left and ends the thread; a reader that takes nothing for 0.1 s is not waited for any longer, and
    /// what it did not take is counted. After the engine has stopped.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        parker.wake()
        thread.withLock { $0.take() }?.join()
    }

    private func run() {
        let consumer = RingConsumer(ring)
        var first: Tick?
        var isOpen = true
        if format == .table { isOpen = write(SignalLine.header) }
        while true {
            let slots = consumer.peek(most: 256, as: Tick.self)
            if slots.isEmpty {
                if isStopping.load(ordering: .acquiring) && ring.occupancy == 0 { return }
                parker.prepare()
                let hasWork = ring.occupancy > 0 || isStopping.load(ordering: .acquiring)
                if hasWork { parker.cancel() } else { parker.wait(timeoutNanos: 1_000_000_000) }
                continue
            }
            for slot in slots {
                guard slot.kind == RecordKind.decisionSums.rawValue, let half = first,
                    let signal = Decision(first: half, second: slot)
                else {
                    first = slot
                    continue
                }
                if isOpen { isOpen = write(format == .table ? line.table(signal) : line.json(signal)) }
                if !isOpen { dropped.addFromOnlyWriter() }
            }
            consumer.release(count: slots.count)
        }
    }

    /// Writes a line whole; false when the reader is gone, or stalled for longer than a stop may wait.
    ///
    /// Writes only what poll(2) has announced room for: a pipe then takes PIPE_BUF bytes, more than a line, at once.
    private func write(_ text: String) -> Bool {
        var bytes = Array((text + "\n").utf8)[...]
        while !bytes.isEmpty {
            var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            let ready = poll(&request, 1, 100)
            if isStopping.load(ordering: .acquiring), ready == 0 { return false }
            if ready <= 0 { continue }
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno != EINTR && errno != EAGAIN { return false }
            if written > 0 { bytes = bytes.dropFirst(written) }
        }
        return true
    }
}
