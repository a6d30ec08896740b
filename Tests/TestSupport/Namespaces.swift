import Foundation
import Glibc

/// Views of the machine that only root can make: processes with another network or with other host names.
public enum Namespaces {
    /// Whether tests that need them run: as root with the privilege to make them, and in CI.
    public static let shouldRun =
        Repository.isCI || (geteuid() == 0 && (try? Command.run(["unshare", "-m", "-n", "true"])) != nil)
}

/// A network namespace joined to the machine's own by a cable (veth), on which packets can vanish.
public struct NetworkNamespace: Sendable {
    /// The machine's end of the cable, where a test's servers listen.
    public let hostAddress: String
    /// A command that runs the rest of its arguments inside.
    public let launcher: [String]
    private let name: String
    private let outside: String

    /// Makes it with both ends up. Names and addresses are this process's own: 198.18.0.0/15 is for such tests (RFC 2544).
    ///
    /// - Parameter index: which one of a test's, 0 to 3.
    public init(index: Int = 0) throws {
        precondition((0...3).contains(index), "two bits of the name are the index")
        let number = (Int(getpid()) & 0xFFF) << 2 | index
        let base = "198.18.\(number >> 6)."
        let last = (number & 0x3F) * 4
        name = "tickline\(number)"
        hostAddress = base + "\(last + 1)"
        launcher = ["/usr/sbin/ip", "netns", "exec", name]
        outside = "tl\(number)a"
        let inside = "tl\(number)b"
        try Command.run(["ip", "netns", "add", name])
        try Command.run(["ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name])
        try Command.run(["ip", "address", "add", "\(hostAddress)/30", "dev", outside])
        try Command.run(["ip", "link", "set", outside, "up"])
        try execute(["ip", "address", "add", "\(base)\(last + 2)/30", "dev", inside])
        try execute(["ip", "link", "set", inside, "up"])
        try execute(["ip", "link", "set", "lo", "up"])
        try execute(["nft", "add", "table", "inet", "cable"])
        for hook in ["input", "output"] {
            try execute(["nft", "add chain inet cable \(hook) { type filter hook \(hook) priority 0; }"])
        }
    }

    /// Lets every packet of the cable vanish, both ways; what runs inside keeps its own loopback.
    public func drop() throws {
        try execute(["nft", "add rule inet cable input iif != lo drop; add rule inet cable output oif != lo drop"])
    }

    /// Lets every packet to and from one of the machine's ports vanish.
    public func drop(port: Int) throws {
        try execute([
            "nft",
            "add rule inet cable input tcp sport \(port) drop; add rule inet cable output tcp dport \(port) drop",
        ])
    }

    /// Lets packets through again.
    public func pass() throws { try execute(["nft", "flush table inet cable"]) }

    /// Removes it and the cable; what still runs inside keeps it alive.
    public func remove() throws {
        try Command.run(["ip", "link", "delete", outside])
        try Command.run(["ip", "netns", "delete", name])
    }

    private func execute(_ command: [String]) throws { try Command.run(launcher + command) }
}

/// The host names a process sees: a file of the test's own, with no name server behind it.
public struct HostNames: Sendable {
    /// A command that runs the rest of its arguments with these names.
    public let launcher: [String]
    private let file: URL

    /// Makes the files in `folder`.
    public init(folder: URL) throws {
        file = folder.appendingPathComponent("hosts")
        let order = folder.appendingPathComponent("nsswitch.conf")
        try "".write(to: file, atomically: false, encoding: .utf8)
        try "hosts: files\n".write(to: order, atomically: false, encoding: .utf8)
        launcher = [
            "/usr/bin/unshare", "-m", "sh", "-c",
            "mount --bind \(file.path) /etc/hosts && mount --bind \(order.path) /etc/nsswitch.conf && exec \"$@\"",
            "sh",
        ]
    }

    /// Gives these names the address 127.0.0.1, and no other name any.
    public func set(_ names: [String]) throws {
        // In place: the file is mounted.
        try names.map { "127.0.0.1 \($0)\n" }.joined().write(to: file, atomically: false, encoding: .utf8)
    }
}
