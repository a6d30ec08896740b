import Foundation
import NIOHTTP1
public import TradingModel

/// The trading mode over HTTP: `GET /trading` on the trader's listener shows it, `POST /trading?mode=halted&reason=…` with
/// `Authorization: Bearer <token>` asks for another one.
///
/// Its closures are called on the server's thread and must not block.
public struct TradingControl: Sendable {
    /// Most bytes of a reason.
    static let mostReasonBytes = 200

    private let token: String?
    private let current: @Sendable () -> TradingState?
    private let request: @Sendable (TradingMode, String) -> Void

    /// Control by whoever shows the token.
    ///
    /// - Parameters:
    ///   - token: what a request must show; nil: none may change anything.
    ///   - current: the mode in force; nil before it is known.
    ///   - request: asks for a mode, with the reason.
    public init(
        token: String?, current: @escaping @Sendable () -> TradingState?,
        request: @escaping @Sendable (TradingMode, String) -> Void
    ) {
        self.token = token
        self.current = current
        self.request = request
    }

    func answer(_ method: HTTPMethod, _ target: String, authorization: [String]) -> MonitoringRoutes.Answer {
        switch method {
        case .GET, .HEAD: show()
        case .POST: change(target, authorization: authorization)
        default: .text(.methodNotAllowed, "only GET, HEAD and POST", allow: "GET, HEAD, POST")
        }
    }

    private func show() -> MonitoringRoutes.Answer {
        guard let state = current() else {
            return .text(.serviceUnavailable, "the trader has not read its store yet")
        }
        return .json(
            .ok,
            JSONText.object {
                $0.member("mode", state.mode.rawValue)
                $0.member("reason", state.reason)
                $0.member("since", TextCursor.text { $0.append(rfc3339: state.time) })
            })
    }

    private func change(_ target: String, authorization: [String]) -> MonitoringRoutes.Answer {
        guard let token else {
            return .text(.forbidden, "no request may change the mode: the trader runs without --trading-token")
        }
        guard authorization.count == 1, isToken(authorization[0], token) else {
            var refusal = MonitoringRoutes.Answer.text(
                .unauthorized, "give the header Authorization: Bearer and the trader's --trading-token")
            refusal.challenge = "Bearer"
            return refusal
        }
        var given: [String: String] = [:]
        for item in URLComponents(string: target)?.queryItems ?? [] { given[item.name] = item.value }
        let modes = TradingMode.allCases.map(\.rawValue).joined(separator: ", ")
        guard let mode = given["mode"].flatMap(TradingMode.init(rawValue:)) else {
            return .text(.badRequest, "give ?mode= with one of \(modes)")
        }
        let reason = given["reason"] ?? "by HTTP"
        guard reason.utf8.count <= Self.mostReasonBytes, reason.unicodeScalars.allSatisfy({ $0.value >= 0x20 }) else {
            return .text(.badRequest, "a reason has at most \(Self.mostReasonBytes) bytes on one line")
        }
        request(mode, reason)
        return .json(.accepted, JSONText.object { $0.member("asked", mode.rawValue) })
    }

    /// Takes as long for every text of one length, so that no answer's time tells how much of it was right.
    private func isToken(_ header: String, _ token: String) -> Bool {
        let scheme = "bearer "
        guard header.lowercased().hasPrefix(scheme) else { return false }
        let (given, wanted) = (Array(header.utf8.dropFirst(scheme.utf8.count)), Array(token.utf8))
        guard given.count == wanted.count else { return false }
        return zip(given, wanted).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
