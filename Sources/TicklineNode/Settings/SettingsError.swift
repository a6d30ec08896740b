/// Why settings were refused; the process then exits with status 78.
public enum SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A `TICKLINE_*` variable no setting has.
    case unknownVariable(String, nearest: String)
    /// A value that is not of its setting's form; nil where it must not be shown.
    case invalid(source: String, value: String?, expected: String)
    /// A place in the YAML file, `file:line:column`, and what is wrong there.
    case misplaced(String, String)
    /// Values that do not go together.
    case conflict(String)
    /// A file that can't be read.
    case unreadableFile(path: String, reason: String)
    /// A file that can't be written.
    case unwritableFile(path: String, reason: String)

    /// One line with the remedy.
    public var description: String {
        switch self {
        case .unknownVariable(let name, let nearest):
            "unknown environment variable \(name); did you mean \(nearest)?"
        case .invalid(let source, let value?, let expected): "\(source): '\(value)' is refused; give \(expected)"
        case .invalid(let source, nil, let expected):
            "\(source): the value, not shown as it may hold a password, is refused; give \(expected)"
        case .misplaced(let place, let problem): "\(place): \(problem)"
        case .conflict(let text): text
        case .unreadableFile(let path, let reason): "cannot read \(path): \(reason)"
        case .unwritableFile(let path, let reason): "cannot write \(path): \(reason)"
        }
    }
}

/// The candidate with the smallest edit distance to `name`; nil for no candidates.
///
/// Levenshtein's distance by dynamic programming, O(|name| · |candidate|) each.
func nearest(to name: String, in candidates: [String]) -> String? {
    func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (i, l) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, r) in right.enumerated() {
                let substituted = diagonal + (l == r ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
    return candidates.min { distance(Array(name.utf8), Array($0.utf8)) < distance(Array(name.utf8), Array($1.utf8)) }
}
