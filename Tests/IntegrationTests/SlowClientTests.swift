import Foundation
import TestSupport
import Testing

/// Crowds of slow and idle HTTP clients against a running product: health checks go on meanwhile.
@Suite(.serialized) struct SlowClientTests {
    /// The bound for a health check under attack, from the fault's own page.
    private static let mostMillis = 50.0

    /// Probes a kept and a new connection for five seconds while `attack` runs; `body` then looks at what it led to.
    private func probe(
        _ name: String, attack: (ReadyNode) throws -> ServerProcess,
        hasBegun: (ReadyNode) async throws -> Bool, _ body: (ReadyNode, ServerProcess) async throws -> Void
    ) async throws {
        let node = try await ReadyNode()
        let priority = try node.runsInRealTime() ? "real-time" : "ordinary"
        let attacker = try attack(node)
        try await waitUntil("the attack has begun", timeout: .seconds(60)) { try await hasBegun(node) }
        async let kept = HealthProbe(port: node.port, connections: .kept).run()
        async let new = HealthProbe(port: node.port, connections: .new).run()
        let figures = [("kept", await kept), ("new", await new)]
        let open = await node.run.metric("tickline_http_connections")
        try await body(node, attacker)
        attacker.stop(SIGKILL)
        for (connections, figure) in figures {
            print(
                "figure: H1 \(name): /readyz on \(connections) connections: \(figure.text); \(Int(open)) open, \(priority) priority"
            )
            #expect(
                figure.failures == 0 && figure.millis(atFraction: 0.99) <= Self.mostMillis, "\(name), \(connections)")
        }
        #expect(open <= 256)
        #expect(await node.run.get("/readyz").status == 200)
        #expect(node.stop() == 0)
    }

    private func slowHTTPTest(_ arguments: String, _ node: ReadyNode, path: String = "/") throws -> ServerProcess {
        try ServerProcess(
            "slowhttptest",
            arguments.split(separator: " ").map(String.init) + ["-u", "http://127.0.0.1:\(node.port)\(path)"],
            folder: node.folder.url, name: "slowhttptest")
    }

    @Test func `heads that trickle in are cut off after five seconds`() async throws {
        try await probe(
            "slow headers", attack: { try slowHTTPTest("-H -c 200 -r 200 -i 1 -l 30", $0) },
            hasBegun: { await $0.run.metric("tickline_http_connections") > 150 }
        ) { node, attacker in
            try await waitUntil("all are cut off", timeout: .seconds(60)) { await node.closed("header_time") == 200 }
            print("figure: H1 slow headers: 200 of 200 connections cut off by the header's time limit")
        }
    }

    @Test func `bodies are not waited for`() async throws {
        try await probe(
            "slow body", attack: { try slowHTTPTest("-B -c 1000 -r 200 -i 1 -l 30", $0) },
            hasBegun: { await $0.closed("body") > 10 }
        ) { node, attacker in
            try await waitUntil("all are refused", timeout: .seconds(60)) { await node.closed("body") >= 1_000 }
        }
    }

    @Test func `answers that are read slowly do not hold the others up`() async throws {
        try await probe(
            "slow read",
            attack: { try slowHTTPTest("-X -c 1000 -r 200 -w 10 -y 20 -n 2 -z 32 -l 30", $0, path: "/metrics") },
            hasBegun: { await $0.run.metric("tickline_http_connections") > 100 }
        ) { node, attacker in
            // More than the cap holds: those that have read nothing for longest give way.
            try await waitUntil("the first give way", timeout: .seconds(60)) {
                await node.closed("connection_limit") > 0
            }
        }
    }

    /// Opens COUNT connections to PORT, so many a second, says nothing on them and keeps them, also those the server closes.
    private static let crowd = """
        import resource, socket, sys, time
        port, count, rate = (int(text) for text in sys.argv[1:])
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        crowd, start = [], time.monotonic()
        while len(crowd) < count:
            due = min(count, int((time.monotonic() - start) * rate) + 1)
            while len(crowd) < due:
                crowd.append(socket.create_connection(("127.0.0.1", port)))
            time.sleep(0.005)
        print("opened", len(crowd), flush=True)
        time.sleep(600)
        """

    @Test func `ten thousand idle connections do not lock health checks out`() async throws {
        try await probe(
            "idle crowd",
            attack: {
                try ServerProcess(
                    "python3", ["-c", Self.crowd, "\($0.port)", "10000", "2000"], folder: $0.folder.url, name: "crowd")
            },
            hasBegun: { await $0.closed("connection_limit") > 0 }
        ) { node, attacker in
            try await waitUntil("all were opened: \(attacker.output)", timeout: .seconds(60)) {
                attacker.output.contains("opened 10000")
            }
            let closed = await node.closed("connection_limit")
            print("figure: H1 idle crowd: \(closed) of 10000 connections closed at the cap of 256")
            #expect(closed >= 10_000 - 256)
        }
    }
}
