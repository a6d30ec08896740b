import ExchangeSimulator
import Foundation
import Logging
import TestSupport
import Testing

/// The simulated exchange behind TLS, with a good certificate and with wrong ones, and the executable on it.
@Suite(.serialized) struct WrongCertificateTests {
    private let folder = try! TemporaryFolder()

    @Test func `E10 the exchange is heard behind a good certificate and never behind a wrong one`() async throws {
        defer { folder.remove() }
        let authority = try TestAuthority()
        defer { authority.remove() }
        let simulator = ExchangeSimulator(
            configuration: .trades(rate: 2_000, pacing: .recorded),
            logger: Logger(label: "exchange") { _ in SwiftLogNoOpLogHandler() })
        let port = try await simulator.start()
        for certificate in ["stranger", "wronghost", "expired", "good"] {
            let front = try await TLSFront(authority, certificate: certificate, target: port, folder: folder.url)
            let run = try RunningTickline(
                [
                    "--feed", "simulator=wss://localhost:\(front.port)/ws/btcusdt@trade", "--ca-file", authority.caFile,
                ], folder: folder.url, name: certificate)
            if certificate == "good" {
                try await waitUntil("ticks") { await run.metric("tickline_ticks_total") > 100 }
                #expect(simulator.statistics.connectionsAccepted == 1)
            } else {
                try await waitUntil("three attempts") {
                    await run.metric("tickline_reconnects_total", labels: "certificate") >= 3
                }
                #expect(await run.get("/readyz").body.contains("certificate"))
                #expect(simulator.statistics.connectionsAccepted == 0)
                print(
                    "figure: E10 \(certificate): attempts \(front.accepted + front.refused), connections to the exchange",
                    "\(simulator.statistics.connectionsAccepted)")
            }
            #expect(run.process.stop() == 0)
            front.stop()
        }
        await simulator.stop()
    }
}
