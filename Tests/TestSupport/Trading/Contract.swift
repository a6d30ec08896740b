/// What the contract suites of the trader's ports share.
enum Contract {
    /// A breach of a contract.
    struct Violation: Error, CustomStringConvertible {
        let description: String
    }

    /// Checks that what was found is what the rule asks for.
    static func expect<Value: Equatable>(_ found: Value, _ wanted: Value, _ rule: String) throws {
        guard found != wanted else { return }
        throw Violation(description: "\(rule): expected \(wanted), got \(found)")
    }
}
