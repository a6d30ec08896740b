/// One answer of the REST service, in the order in which they were handed to the sockets, for a test's oracle.
public struct RESTLedgerEntry: Sendable, Hashable {
    /// Path and query as asked for.
    public var request: String
    /// The HTTP status.
    public var status: Int
    /// The ids of what the answer held; nil where it held nothing, such as errors. A cut answer's are those of the whole.
    public var served: ServedIDs?
    /// What was done to the answer; nil for nothing.
    public var fault: RESTFault?
    /// When it was handed over, monotonic nanoseconds.
    public var sentNanos: Int64

    /// As a line of a ledger file.
    var json: String {
        let ids = [served?.firstID, served?.lastID].map { $0.map { "\($0)" } ?? "null" }
        return "{\"request\":\"\(SimulatorConnection.escaped(request))\",\"status\":\(status),\"firstID\":\(ids[0]),"
            + "\"lastID\":\(ids[1]),\"count\":\(served?.count ?? 0),\"sentNanos\":\(sentNanos),"
            + "\"treatment\":\"\(fault?.name ?? "sound")\"}\n"
    }
}
