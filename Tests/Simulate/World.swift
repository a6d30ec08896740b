import Glibc
import SimulatedSystem

/// What surrounds the process: the other ends of its connections, and what happens when.
///
/// Runs on the simulation's first thread, which belongs to no process.
final class World {
    private struct Item {
        var at: UInt64
        var order: Int
        var action: () -> Void
    }

    private var agenda: [Item] = []
    private var itemCount = 0
    private(set) var connections: [Connection] = []
    /// Takes a line about what is done to the process.
    var note: (String) -> Void = { _ in }
    /// Makes what serves a new connection to a port.
    var serve: (UInt16, Connection) -> Void = { _, _ in }

    /// Nanoseconds since the start.
    var now: UInt64 { sim_now_ns() }

    /// A number in `range`, from the seed.
    func random(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(sim_random() % UInt64(range.upperBound - range.lowerBound + 1))
    }

    /// Whether something that happens in one of `count` cases happens.
    func happens(oneIn count: Int) -> Bool { random(1...count) == 1 }

    /// Does something later.
    func after(millis: Double, _ action: @escaping () -> Void) {
        itemCount += 1
        agenda.append(Item(at: now + UInt64(millis * 1e6), order: itemCount, action: action))
    }

    /// Goes on until `isDone`, which is asked after each event, or until `limitMillis` are over: then false.
    func run(limitMillis: Double, until isDone: () -> Bool) -> Bool {
        let end = now + UInt64(limitMillis * 1e6)
        while !isDone() {
            guard now < end else { return false }
            accept()
            while let next = agenda.indices.min(by: {
                (agenda[$0].at, agenda[$0].order) < (agenda[$1].at, agenda[$1].order)
            }),
                agenda[next].at <= now
            {
                agenda.remove(at: next).action()
            }
            for connection in connections { connection.exchangeBytes() }
            connections.removeAll { $0.isClosed }
            wait(until: min(end, agenda.map(\.at).min() ?? end))
        }
        return true
    }

    private func accept() {
        var port: UInt16 = 0
        while case let descriptor = sim_accept(&port), descriptor >= 0 {
            let connection = Connection(descriptor)
            connections.append(connection)
            serve(port, connection)
        }
    }

    private func wait(until deadline: UInt64) {
        let open = connections.filter { !$0.isStalled }
        sim_wait(open.map(\.descriptor), open.map { !$0.outgoing.isEmpty }, Int32(open.count), deadline)
    }
}

/// The world's end of one connection of the process.
final class Connection {
    let descriptor: Int32
    /// Bytes on their way to the process.
    private(set) var outgoing: [UInt8] = []
    /// Takes what came; the rest of it stays for the next time.
    var receive: ([UInt8]) -> Void = { _ in }
    /// Called once, at its end.
    var onEnd: () -> Void = {}
    /// Nothing moves in either direction, as when a cable was pulled.
    var isStalled = false
    private(set) var isClosed = false
    private var closesWhenSent = false

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func send(_ bytes: [UInt8]) { if !isClosed, !closesWhenSent { outgoing += bytes } }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Ends it behind what is on its way; of that at most `most` bytes.
    func close(behind most: Int = .max) {
        if isStalled { return cut() }
        if outgoing.count > most { outgoing.removeLast(outgoing.count - most) }
        closesWhenSent = true
    }

    /// Ends it at once.
    func cut() {
        guard !isClosed else { return }
        isClosed = true
        Glibc.close(descriptor)
        onEnd()
    }

    func exchangeBytes() {
        guard !isClosed, !isStalled else { return }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !isClosed {
            let count = read(descriptor, &buffer, buffer.count)
            if count > 0 {
                receive(Array(buffer[..<count]))
            } else if count == 0 || errno != EAGAIN {
                return cut()
            } else {
                break
            }
        }
        guard !isClosed else { return }
        if !outgoing.isEmpty {
            let count = write(descriptor, outgoing, outgoing.count)
            if count > 0 { outgoing.removeFirst(count) }
            if count < 0, errno != EAGAIN { return cut() }
        }
        if outgoing.isEmpty, closesWhenSent { cut() }
    }
}
