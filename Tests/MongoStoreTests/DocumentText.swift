import Foundation
import TestSupport
import Testing

/// Compares a document but for `created_at`, which must lie in `createdMillis`, with its extended JSON.
func checkDocument(
    in collection: String, of server: MongoServer, _ id: String, createdWithin createdMillis: ClosedRange<Int64>,
    _ expected: String
) throws {
    let found = try server.find(collection, #"{"_id": "\#(id)"}"#)
    var document = try #require(found.first)
    let created = try #require((document.removeValue(forKey: "created_at") as? [String: [String: String]])?["$date"])
    let millis = try #require(Int64(created["$numberLong"] ?? ""))
    #expect(createdMillis.contains(millis))
    let wanted = try JSONSerialization.jsonObject(with: Data(expected.utf8)) as? NSDictionary
    #expect(document as NSDictionary == wanted)
}

/// A date and its nanoseconds, as the documents keep times.
func date(_ name: String, _ nanos: String) -> String {
    #""\#(name)": {"$date": {"$numberLong": "\#(nanos.dropLast(6))"}}, "\#(name)Nanos": {"$numberLong": "\#(nanos)"}"#
}

func decimal(_ name: String, _ value: String) -> String { #""\#(name)": {"$numberDecimal": "\#(value)"}"# }

func long(_ name: String, _ value: String) -> String { #""\#(name)": {"$numberLong": "\#(value)"}"# }
