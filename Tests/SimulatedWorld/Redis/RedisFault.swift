/// A state in which a server refuses commands.
public enum RedisFault: Sendable, CaseIterable {
    /// It has become a replica: writes are refused.
    case readOnly
    /// It is a replica without its master that may not serve old data: nothing is read or written.
    case masterDown
    /// Its memory is used up: nothing is added.
    case outOfMemory
    /// It can't save to its disk: writes are refused.
    case diskError
    /// Too few replicas follow it: writes are refused.
    case noReplicas
    /// It is reading its data after a start.
    case loading

    /// What `HELLO` calls a server in this state.
    var isReplica: Bool { self == .readOnly || self == .masterDown }

    /// The error a command of these traits is answered with; nil where it is carried out.
    func refusal(of traits: RedisCommand.Traits) -> String? {
        switch self {
        case .readOnly where traits.contains(.write): Self.readOnlyText
        case .masterDown where traits.contains(.write): Self.readOnlyText
        case .masterDown where !traits.contains(.whileStale):
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
        case .outOfMemory where traits.contains(.adds):
            "OOM command not allowed when used memory > 'maxmemory'."
        case .diskError where traits.contains(.write):
            "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."
                + " Commands that may modify the data set are disabled, because this instance is configured to report"
                + " errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option)."
                + " Please check the Redis logs for details about the RDB error."
        case .noReplicas where traits.contains(.write): "NOREPLICAS Not enough good replicas to write."
        case .loading where !traits.contains(.whileLoading): "LOADING Redis is loading the dataset in memory"
        default: nil
        }
    }

    private static let readOnlyText = "READONLY You can't write against a read only replica."
}
