internal import CThread
import Glibc
import Synchronization

/// One operating-system thread that runs one closure.
///
/// For loops that must not share Swift's cooperative pool: feed readers, the engine, publishers, writers. The thread is
/// named at once (a new thread inherits its creator's name) and must be joined exactly once.
public final class DedicatedThread: @unchecked Sendable {
    // Unchecked: `handle` is written before the object is shared and read once by `join`, which `joined` guards.
    private var handle = pthread_t()
    private let joined = Atomic<Bool>(false)

    private final class Body {
        let name: String
        let processor: Int?
        let run: @Sendable () -> Void
        init(name: String, processor: Int?, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.processor = processor
            self.run = run
        }
    }

    /// Starts a thread called `name` (15 bytes are kept), pinned to `processor` where given.
    ///
    /// A thread that cannot be created is a broken machine: it traps.
    public init(name: String, processor: Int? = nil, run: @escaping @Sendable () -> Void) {
        let body = unsafe Unmanaged.passRetained(Body(name: name, processor: processor, run: run))  // released in entry
        let code = unsafe pthread_create(&handle, nil, DedicatedThread.entry, body.toOpaque())
        precondition(code == 0, "cannot create a thread: error \(code)")
    }

    private static let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        guard let argument = unsafe argument else { return nil }
        let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
        unsafe body.name.withCString { unsafe thread_support_set_name($0) }
        if let processor = body.processor { _ = thread_support_pin(Int32(processor)) }
        body.run()
        return nil
    }

    /// Waits until the closure has returned. A second call is our own mistake and traps.
    public func join() {
        precondition(!joined.exchange(true, ordering: .acquiringAndReleasing), "a thread is joined once")
        pthread_join(handle, nil)
    }

    /// Processors this process may run on.
    public static var processorCount: Int { Int(thread_support_processor_count()) }
}
