/// Why the monitoring server could not start; each description is one line that names the remedy.
public enum MonitoringError: Error, CustomStringConvertible, Equatable {
    /// Another socket has the port.
    case addressInUse(MonitoringListener)
    /// Ports below 1024 need a privilege.
    case permissionDenied(MonitoringListener)
    /// The host is no address of this machine or cannot be resolved.
    case addressNotAvailable(MonitoringListener)
    /// Any other failure of the listening socket, with the system's error number (0 where there is none) and text.
    case cannotListen(MonitoringListener, code: Int32, reason: String)
    /// A server is started once.
    case alreadyStarted

    /// One line with the remedy.
    public var description: String {
        switch self {
        case .addressInUse(let listener):
            "port \(listener.port) on \(listener.host) is in use: choose another with \(listener.flag) HOST:PORT, "
                + "or stop the program that has it"
        case .permissionDenied(let listener):
            "port \(listener.port) on \(listener.host) needs a privilege: choose one above 1023 with "
                + "\(listener.flag) HOST:PORT"
        case .addressNotAvailable(let listener):
            "\(listener.host) is no address of this machine: choose one with \(listener.flag) HOST:PORT"
        case .cannotListen(let listener, let code, let reason):
            "cannot listen on \(listener.host):\(listener.port) (error \(code), \(reason)): choose another with "
                + "\(listener.flag) HOST:PORT"
        case .alreadyStarted:
            "the monitoring server was started before: make a new one"
        }
    }
}
