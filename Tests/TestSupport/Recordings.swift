import Foundation

/// A recording could not be read.
public struct RecordingError: Error, CustomStringConvertible {
    /// What and why.
    public let description: String
}

extension SharedData {
    /// The decompressed bytes of a `.gz` file of the shared data.
    public static func gunzip(_ name: String) throws -> Data {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/gzip")
        process.arguments = ["-dc", path(name)]
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw RecordingError(description: "gzip refuses \(path(name))") }
        return data
    }

    /// The lines of a `.gz` file.
    public static func lines(gzip name: String) throws -> [Substring] {
        String(decoding: try gunzip(name), as: UTF8.self).split(separator: "\n")
    }

    /// The rows of a plain CSV file behind its header line.
    public static func rows(csv name: String) throws -> [[Substring]] {
        try String(contentsOfFile: path(name), encoding: .utf8).split(separator: "\n").dropFirst()
            .map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    }
}

/// Reads a plain decimal such as `61826.50` at a scale, for tests; traps on anything else.
public func scaled(_ text: Substring, decimals: Int) -> Int64 {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    var fraction = parts.count > 1 ? String(parts[1]) : ""
    while fraction.count > decimals, fraction.hasSuffix("0") { fraction.removeLast() }
    precondition(parts.count <= 2 && fraction.count <= decimals, "not a decimal of that scale: \(text)")
    fraction += String(repeating: "0", count: decimals - fraction.count)
    return Int64(String(parts[0]) + fraction)!
}

/// The text of `"key":"value"` or `"key":value` in a one-line JSON object, for tests over recordings.
public func field(_ key: String, of line: Substring) -> Substring? {
    guard let start = line.range(of: "\"\(key)\":") else { return nil }
    let rest = line[start.upperBound...]
    if rest.first == "\"" { return rest.dropFirst().prefix { $0 != "\"" } }
    return rest.prefix { $0 != "," && $0 != "}" }
}
