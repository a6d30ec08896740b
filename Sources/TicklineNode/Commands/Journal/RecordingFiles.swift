import FeedHandler
import Foundation
import TradingModel

/// A recording as `tickline simulate` reads it: `NAME.ndjson` with a message a line, `NAME.recv_ns` with its time of receipt.
struct RecordingFiles {
    private static let pieceBytes = 1 << 20

    /// The messages' file.
    let messagePath: String
    /// The times' file.
    let timePath: String
    /// Messages so far.
    private(set) var messages = 0
    private let messageFile: FileHandle
    private let timeFile: FileHandle
    private var messageBytes: [UInt8] = []
    private var timeBytes: [UInt8] = []

    /// Makes both files.
    ///
    /// - Throws: `SettingsError.unwritableFile` where one can't be made, or is there already.
    init(name: String) throws(SettingsError) {
        (messagePath, timePath) = ("\(name).ndjson", "\(name).recv_ns")
        messageFile = try Self.create(messagePath)
        timeFile = try Self.create(timePath)
    }

    private static func create(_ path: String) throws(SettingsError) -> FileHandle {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw .unwritableFile(path: path, reason: "\(reason); give --recording another name")
        }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Adds a message that is a JSON object.
    mutating func append(_ message: FeedMessage) throws(SettingsError) {
        MessageLine.append(object: message.bytes, to: &messageBytes)
        messageBytes.append(UInt8(ascii: "\n"))
        timeBytes += "\(message.receiveTime.rawValue)\n".utf8
        messages += 1
        if messageBytes.count >= Self.pieceBytes { try flush() }
    }

    /// Writes what is left.
    mutating func close() throws(SettingsError) { try flush() }

    private mutating func flush() throws(SettingsError) {
        for (path, file, bytes) in [(messagePath, messageFile, messageBytes), (timePath, timeFile, timeBytes)] {
            do { try file.write(contentsOf: bytes) } catch {
                throw .unwritableFile(path: path, reason: error.localizedDescription)
            }
        }
        messageBytes.removeAll(keepingCapacity: true)
        timeBytes.removeAll(keepingCapacity: true)
    }
}
