import Testing
import TradingModel

@testable import MongoStore

@Suite struct MongoURITests {
    @Test(arguments: [
        "mongodb://user:s3cr3t@host:27017/?replicaSet=rs0", "mongodb+srv://user:s3cr3t@cluster.example.com/db",
        "mongodb://user:a@s3cr3t@host/", "mongodb://user:s3cr3t:/@host",
        "mongodb://host/?tlsCertificateKeyFilePassword=s3cr3t",
        "user:s3cr3t@host",
    ])
    func `never shows a password`(uri: String) {
        #expect(!MongoURI.masked(uri).contains("s3cr3t"))
        #expect(MongoURI.masked(uri).contains("host") || MongoURI.masked(uri).contains("cluster"))
        #expect(!MongoStoreSettings(uri: uri).description.contains("s3cr3t"))
    }

    @Test func `leaves an address without a secret as it is`() {
        let uri = "mongodb://a:27017,b:27018/?replicaSet=rs0"
        #expect(MongoURI.masked(uri) == uri)
    }

    @Test(arguments: [
        "", "http://user:s3cr3t@host", "mongodb://", "mongodb://user:s3c:r3t@host:port", "redis://s3cr3t@x",
    ])
    func `refuses what is no address in one line`(uri: String) throws {
        do {
            _ = try MongoStore(settings: MongoStoreSettings(uri: uri), catalog: .init(instruments: [], strategies: []))
            {
                UnixNanos(rawValue: 0)
            }
            Issue.record("accepted")
        } catch {
            #expect(error.description.contains("mongodb://user:password@host"))
            #expect(!error.description.contains("\n"))
            #expect(!error.description.contains("r3t@"))
        }
    }

    @Test(arguments: ["", "a b", "a.b", "$x", String(repeating: "x", count: 64), "a\u{0}b"])
    func `refuses names that MongoDB does not take`(name: String) {
        var settings = MongoStoreSettings(uri: "mongodb://host")
        settings.signalsCollection = name
        #expect(throws: MongoStoreError.invalidName(setting: "signals collection", name: name)) {
            try settings.validate()
        }
    }

    @Test func `refuses one collection for two kinds of document`() {
        var settings = MongoStoreSettings(uri: "mongodb://host")
        settings.depthCollection = "trade_signals"
        #expect(
            throws: MongoStoreError.sameCollection("depth collection", "signals collection", name: "trade_signals")
        ) { try settings.validate() }
    }

    @Test(arguments: [0, -1, 1 << 31])
    func `refuses a retention outside the server's range`(seconds: Int) {
        var settings = MongoStoreSettings(uri: "mongodb://host")
        settings.tickRetentionSeconds = seconds
        #expect(throws: MongoStoreError.invalidRetention(seconds: seconds)) { try settings.validate() }
    }
}
