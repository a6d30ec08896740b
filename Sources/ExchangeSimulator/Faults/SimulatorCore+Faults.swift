internal import Logging
internal import NIOCore
internal import NIOWebSocket

// What the core does on command.
extension SimulatorCore {
    /// Carries rules out, each now or when its time comes. What is refused leaves those before it in force.
    func inject(_ rules: [FaultRule]) throws(SimulatorError) {
        eventLoop.assertInEventLoop()
        for rule in rules {
            try rule.validate()
            try inject(rule)
        }
        publish()
    }

    private func inject(_ rule: FaultRule) throws(SimulatorError) {
        logger.info("fault", metadata: ["fault": "\(rule)"])
        guard rule.trigger == .atOnce else {
            try faults.add(rule)
            return startFaultTimers()
        }
        try perform(rule.fault, on: rule.stream)
    }

    /// Carries out the fault of a rule whose time has come. Too many that wait are a fault of the rule: it comes again.
    func carryOut(_ fault: ExchangeFault, on stream: String?) {
        do {
            try perform(fault, on: stream)
        } catch {
            logger.warning("fault left out", metadata: ["error": "\(error)"])
        }
    }

    private func perform(_ fault: ExchangeFault, on stream: String?) throws(SimulatorError) {
        let isTaken = try faults.take(fault, on: stream)
        switch fault {
        case .subscriptions: reroute()
        case _ where isTaken: break
        case .cut(let cut): cutAll(cut)
        case .pings(let count): for connection in open { connection.ping(count) }
        case .serverShutdown: for connection in open { connection.announceShutdown() }
        case .calm: calm()
        default: preconditionFailure("\(fault) waits or lasts")
        }
    }

    /// Connections in order of acceptance.
    private var open: [SimulatorConnection] {
        connections.values.filter { $0.state == .open }.sorted { $0.number < $1.number }
    }

    private func calm() {
        for delivery in faults.releaseAll() { send(delivery) }
        flushAll()
        cancelFaultTimers()
        faults.calm()
        reroute()
    }

    // MARK: Ends of connections

    func cut(_ connection: SimulatorConnection, _ kind: ConnectionCut) {
        statistics.connectionsCut += 1
        end(connection, kind)
        reroute()
    }

    private func cutAll(_ kind: ConnectionCut) {
        for connection in open {
            statistics.connectionsCut += 1
            end(connection, kind)
        }
        reroute()
        schedulePump()
    }

    func dropSlow(_ connection: SimulatorConnection) {
        logger.warning("client reads too slowly, connection reset", metadata: ["connection": "\(connection.number)"])
        statistics.connectionsTooSlow += 1
        connection.reset()
    }

    func dropUnresponsive(_ connection: SimulatorConnection) {
        logger.warning("client answers no ping, connection closed", metadata: ["connection": "\(connection.number)"])
        statistics.connectionsTooSlow += 1
        connection.close(code: .policyViolation)
    }

    private func end(_ connection: SimulatorConnection, _ kind: ConnectionCut) {
        logger.info("cut", metadata: ["connection": "\(connection.number)", "kind": "\(kind)"])
        switch kind {
        case .close(let code): connection.close(code: .init(codeNumber: Int(code)))
        case .reset: connection.reset()
        case .silence: connection.silence()
        }
    }

    // MARK: Handshakes

    /// How the next handshake goes wrong, counted; nil: well.
    func nextHandshakeFault() -> HandshakeFault? {
        guard let fault = faults.nextHandshake() else { return nil }
        logger.info("handshake spoiled", metadata: ["fault": "\(fault)"])
        statistics.handshakesSpoiled += 1
        publish()
        return fault
    }
}
