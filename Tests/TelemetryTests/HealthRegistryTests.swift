import Telemetry
import Testing

@Suite struct HealthRegistryTests {
    @Test func `a check starts unready and shows only in its roles`() {
        let registry = HealthRegistry()
        let redis = registry.check("redis", roles: [.processor, .trader])
        #expect(!redis.status.isReady)
        #expect(redis.status.reason == "starting")
        #expect(registry.readings(of: .collector).isEmpty)
        #expect(registry.readings(of: .trader).map(\.name) == ["redis"])
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

    @Test func `a check is covered while ready ones deliver all that it delivers`() {
        let registry = HealthRegistry()
        let store = registry.check("store", roles: [.collector])
        let feeds = [["a", "b"], ["a"], ["b", "c"]].map {
            registry.check("feed", roles: [.collector], delivers: Set($0))
        }
        func covered() -> [Bool] { registry.readings(of: .collector).map(\.isCovered) }
        func failing() -> [Bool] { registry.readings(of: .collector).map(\.isFailing) }
        #expect(covered() == [false, false, false, false] && failing() == [true, true, true, true])
        feeds[2].report(isReady: true, reason: "connected")
        #expect(covered() == [false, false, false, false] && failing() == [true, true, true, false])
        feeds[1].report(isReady: true, reason: "connected")
        // Two cover the first one between them; nothing delivers what the store does.
        #expect(covered() == [false, true, false, false] && failing() == [true, false, false, false])
        feeds[0].report(isReady: true, reason: "connected")
        feeds[2].report(isReady: false, reason: "closed")
        #expect(covered() == [false, false, false, false] && failing() == [true, false, false, true])
        store.report(isReady: true, reason: "writing")
        #expect(failing() == [false, false, false, true])
    }
}
