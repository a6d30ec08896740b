internal import CMongoC

/// The driver's process-wide state.
enum MongoLibrary {
    /// Initialises the driver at its first use. Its log goes nowhere: what matters comes back as errors, the rest is one
    /// line per heartbeat on standard error. There is no matching `mongoc_cleanup`: after it the driver can't be used
    /// again in the process, and the end of the process frees the same memory.
    static let initialized: Void = {
        unsafe mongoc_log_set_handler({ _, _, _, _ in }, nil)
        mongoc_init()
    }()
}
