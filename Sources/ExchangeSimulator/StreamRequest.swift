internal import Foundation

/// A request a client sends as text on a stream connection. [Binance Spot, web-socket-streams.md: live subscribing]
enum StreamRequest: Equatable {
    case subscribe([String])
    case unsubscribe([String])
    case listSubscriptions
    case setCombined(Bool)
    case getCombined

    /// The request's id, to be repeated in the reply.
    enum Identifier: Equatable {
        case integer(Int64)
        case text(String)
        case null

        /// As JSON; text ids are alphanumeric.
        var json: String {
            switch self {
            case .integer(let value): "\(value)"
            case .text(let value): "\"\(value)\""
            case .null: "null"
            }
        }
    }

    /// Why a request is refused: Binance's codes 0 to 3 and a message.
    struct Refusal: Error, Equatable {
        var code: Int
        var message: String

        /// The reply.
        var json: String { "{\"code\":\(code),\"msg\":\"\(message)\"}" }
    }

    private static let methods = "SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY"
    private static let maximumIdentifierBytes = 36

    /// Reads one request.
    static func parse(_ bytes: [UInt8]) throws(Refusal) -> (request: StreamRequest, identifier: Identifier) {
        let object: Any
        do {
            object = try JSONSerialization.jsonObject(with: Data(bytes))
        } catch {
            throw Refusal(code: 3, message: "Invalid JSON: expected value at line 1 column 1")
        }
        guard let members = object as? [String: Any] else { throw invalid("expected an object") }
        let identifier = try identifier(members["id"])
        guard let method = members["method"] as? String else { throw invalid("missing field `method`") }
        switch method {
        case "SUBSCRIBE": return (.subscribe(try names(members["params"])), identifier)
        case "UNSUBSCRIBE": return (.unsubscribe(try names(members["params"])), identifier)
        case "LIST_SUBSCRIPTIONS": return (.listSubscriptions, identifier)
        case "SET_PROPERTY":
            let parameters = try property(members["params"])
            guard parameters.count == 2, let number = parameters[1] as? NSNumber, isBoolean(number) else {
                throw Refusal(code: 1, message: "Invalid value type: expected Boolean")
            }
            return (.setCombined(number.boolValue), identifier)
        case "GET_PROPERTY":
            guard try property(members["params"]).count == 1 else { throw invalid("too many parameters") }
            return (.getCombined, identifier)
        default: throw invalid("unknown variant, expected one of \(methods)")
        }
    }

    private static func invalid(_ reason: String) -> Refusal {
        Refusal(code: 2, message: "Invalid request: \(reason)")
    }

    private static func identifier(_ value: Any?) throws(Refusal) -> Identifier {
        switch value {
        case nil, is NSNull: return .null
        case let text as String:
            let isSound =
                text.utf8.count <= maximumIdentifierBytes
                && text.unicodeScalars.allSatisfy {
                    $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil)
                }
            if isSound { return .text(text) }
        case let number as NSNumber where !isBoolean(number):
            if let integer = Int64("\(number)") { return .integer(integer) }
        default: break
        }
        throw invalid("request ID must be a 64-bit integer, an alphanumeric string of at most 36 characters or null")
    }

    private static func names(_ value: Any?) throws(Refusal) -> [String] {
        guard let names = value as? [String] else { throw invalid("params must be an array of stream names") }
        guard !names.isEmpty else { throw invalid("params must name a stream") }
        return names
    }

    private static func property(_ value: Any?) throws(Refusal) -> [Any] {
        guard let parameters = value as? [Any], let name = parameters.first as? String else {
            throw invalid("property name must be a string")
        }
        guard name == "combined" else { throw Refusal(code: 0, message: "Unknown property") }
        return parameters
    }

    private static func isBoolean(_ number: NSNumber) -> Bool { unsafe String(cString: number.objCType) == "c" }
}
