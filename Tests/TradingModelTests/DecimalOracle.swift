import Foundation

/// Python's integers of any length as the judge of `ExactDecimal`: one process for many questions.
enum DecimalOracle {
    private static let program = """
        import sys
        from fractions import Fraction as F

        def text(value):
            for places in range(35):
                scaled = value * 10 ** places
                if scaled.denominator == 1:
                    break
            else:
                return 'nil'
            if abs(scaled) >= 10 ** 34:
                return 'nil'
            digits = str(abs(int(scaled))).rjust(places + 1, '0')
            sign = '-' if value < 0 else ''
            return sign + (digits if places == 0 else digits[:-places] + '.' + digits[-places:])

        def whole(value, mode):
            if mode == 'halfEven':
                return round(value)
            size = abs(value)
            number = size.numerator // size.denominator
            if mode == 'up' and number != size:
                number += 1
            return -number if value < 0 else number

        for line in sys.stdin:
            name, a, b, places, mode = line.split()
            a, b, places = F(a), F(b), int(places)
            if name == 'add': print(text(a + b))
            elif name == 'subtract': print(text(a - b))
            elif name == 'multiply': print(text(a * b))
            elif name == 'compare': print((a > b) - (a < b))
            elif name == 'divide': print('nil' if b == 0 else text(F(whole(a / b * 10 ** places, mode), 10 ** places)))
            elif name == 'round': print(text(F(whole(a * 10 ** places, mode), 10 ** places)))
            elif name == 'step': print(text(a if b == 0 else whole(a / b, mode) * b))
            elif name == 'multiple': print(1 if b == 0 or (a / b).denominator == 1 else 0)
            else: print(text(a))
        """

    /// The answers to `questions`, each `name a b places mode`, in order.
    static func answers(to questions: [String]) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("decimals-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let input = folder.appendingPathComponent("questions")
        try Data(questions.map { "\($0)\n" }.joined().utf8).write(to: input)
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", program]
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
