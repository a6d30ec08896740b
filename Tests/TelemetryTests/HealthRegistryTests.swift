import Telemetry
import Testing

@Suite struct HealthRegistryTests {
    @Test func `a check starts unready and shows only in its roles`() {
        let registry = HealthRegistry()
        let redis = registry.check("redis", roles: [.processor, .trader])
        #expect(!redis.status.isReady)
        #expect(redis.status.reason == "starting")
        #expect(registry.checks(of: .collector).isEmpty)
        #expect(registry.checks(of: .trader).map(\.name) == ["redis"])
    }

    @Test func `the age runs from the last change of readiness, not of the reason`() {
        let check = HealthRegistry().check("store", roles: [.collector])
        let start = check.status.since
        check.report(isReady: false, reason: "refused")
        #expect(check.status.since == start)
        #expect(check.status.reason == "refused")
        check.report(isReady: true, reason: "writing")
        #expect(check.status.since > start)
    }
}
