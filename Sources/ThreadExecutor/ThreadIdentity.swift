import Glibc

/// The calling thread as a number, never 0, for comparison only.
enum ThreadIdentity {
    static var current: UInt { UInt(pthread_self()) }
}
