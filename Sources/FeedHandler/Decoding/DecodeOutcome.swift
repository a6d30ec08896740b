internal import CFeedDecoder

/// What a message turned out to be.
package enum DecodeOutcome: UInt32, Sendable, CaseIterable {
    /// A trade, aggregate trade or quote.
    case tick = 0
    /// A change of a book.
    case depth
    /// The top of a book.
    case partialDepth
    case kline
    case serverShutdown
    case reply
    case errorReply
    case otherEvent
    case malformed
    case nestedTooDeep
    case unrecognised
    case duplicateKey
    case escaped
    case missingField
    case wrongType
    case unknownSymbol
    case unknownStream
    case ambiguousStream
    case unknownInterval
    case badID
    case badTime
    case notANumber
    case exponent
    case negative
    case zero
    case tooPrecise
    case tooLarge
    case tooManyLevels

    /// Whether it gave records for the ring.
    package var hasRecords: Bool { rawValue <= DecodeOutcome.kline.rawValue }

    /// Whether the message was refused, rather than understood and of no use.
    package var isRefusal: Bool { rawValue >= DecodeOutcome.malformed.rawValue }

    /// The label in `tickline_messages_ignored_total{type}` or `tickline_decode_errors_total{reason}`.
    package var label: String {
        switch self {
        case .tick: "tick"
        case .depth: "depth"
        case .partialDepth: "partial_depth"
        case .kline: "kline"
        case .serverShutdown: "server_shutdown"
        case .reply: "reply"
        case .errorReply: "error_reply"
        case .otherEvent: "other"
        case .malformed: "malformed"
        case .nestedTooDeep: "nested_too_deep"
        case .unrecognised: "unrecognised"
        case .duplicateKey: "duplicate_key"
        case .escaped: "escaped"
        case .missingField: "missing_field"
        case .wrongType: "wrong_type"
        case .unknownSymbol: "unknown_symbol"
        case .unknownStream: "unknown_stream"
        case .ambiguousStream: "ambiguous_stream"
        case .unknownInterval: "unknown_interval"
        case .badID: "bad_id"
        case .badTime: "bad_time"
        case .notANumber: "not_a_number"
        case .exponent: "exponent"
        case .negative: "negative"
        case .zero: "zero"
        case .tooPrecise: "too_precise"
        case .tooLarge: "too_large"
        case .tooManyLevels: "too_many_levels"
        }
    }

    /// The C result of the same number; the enumerations are kept in step by a test.
    package static var resultCount: UInt32 { DECODE_RESULT_COUNT.rawValue }
}
