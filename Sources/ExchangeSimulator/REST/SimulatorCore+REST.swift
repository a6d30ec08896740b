internal import Logging
internal import NIOCore

// The trade history over HTTP.
extension SimulatorCore {
    /// The answer to a request, counted.
    func answer(_ endpoint: RESTEndpoint, uri: String) -> RESTAnswer {
        eventLoop.assertInEventLoop()
        let answer = rest.answer(endpoint, uri: uri, wallNanos: wallNanos()) { faults.rest.next(for: endpoint) }
        statistics.restRequests += 1
        if answer.status != 200 { statistics.restRefused += 1 }
        if let fault = answer.fault {
            statistics.restSpoiled += 1
            logger.info("REST answer spoiled", metadata: ["fault": "\(fault)"])
        }
        publish()
        return answer
    }

    /// The answer has been handed to its socket.
    func answered(_ uri: String, _ answer: RESTAnswer) {
        restLedger?(
            RESTLedgerEntry(
                request: uri, status: answer.status, served: answer.served, fault: answer.fault,
                sentNanos: Int64(NIODeadline.now().uptimeNanoseconds)))
    }
}
