import FeedHandler
import RecordQuery
import TradingModel

/// A received message as a line.
enum MessageLine {
    /// `{"receiveTime":…,"feed":…,"connection":…,"message":{…}}`; text that is no JSON object goes as a string, named `text`.
    static func append(json message: FeedMessage, to output: inout [UInt8]) {
        output +=
            "{\"receiveTime\":\(message.receiveTime.rawValue),\"feed\":\(message.feed),\"connection\":\(message.connection),"
            .utf8
        if message.isJSONObject {
            output += "\"message\":".utf8
            append(object: message.bytes, to: &output)
        } else {
            output += "\"text\":".utf8
            FieldText.append(json: message.bytes, to: &output)
        }
        output += "}\n".utf8
    }

    /// The same fields, separated by commas.
    static func append(csv message: FeedMessage, to output: inout [UInt8]) {
        output += "\(message.receiveTime.rawValue),\(message.feed),\(message.connection),".utf8
        FieldText.append(csv: message.bytes, to: &output)
        output += "\r\n".utf8
    }

    /// An object on one line: a line end in JSON is white space between values, for in strings it is escaped.
    static func append(object bytes: [UInt8], to output: inout [UInt8]) {
        let start = output.count
        output += bytes
        for index in start..<output.count where output[index] == 0x0A || output[index] == 0x0D { output[index] = 0x20 }
    }
}
