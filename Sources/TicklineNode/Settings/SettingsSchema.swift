import Foundation

/// The JSON Schema of the YAML file, made from the shapes that `tickline` itself checks by.
///
/// Whatever the schema refuses is refused by `tickline` too. Some rules only `tickline` knows: that addresses are ones, that
/// feeds subscribe the instruments named, that periods rise.
enum SettingsSchema {
    /// The schema as JSON text (draft 2020-12).
    static func json() throws -> String {
        var schema = Self.schema(of: SettingsFile.shape)
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        schema["title"] = "Settings of tickline"
        schema["type"] = ["object", "null"]
        let data = try JSONSerialization.data(
            withJSONObject: schema, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }

    private static func schema(of shape: SettingShape) -> [String: Any] {
        switch shape {
        case .integer(let range):
            ["type": "integer", "minimum": range.lowerBound, "maximum": range.upperBound]
        case .text: ["type": "string", "minLength": 1]
        case .textOrInteger(let range):
            [
                "type": ["string", "integer"], "minLength": 1, "minimum": range.lowerBound,
                "maximum": range.upperBound,
            ]
        case .choice(let words): ["enum": words]
        case .list(let item): ["type": "array", "minItems": 1, "items": schema(of: item)]
        case .map(let value): ["type": "object", "additionalProperties": schema(of: value)]
        case .object(let fields):
            [
                "type": "object", "additionalProperties": false,
                "required": fields.filter(\.isRequired).map(\.name),
                "properties": Dictionary(uniqueKeysWithValues: fields.map { ($0.name, schema(of: $0)) }),
            ]
        case .either(let one, let map): ["anyOf": [schema(of: one), schema(of: map)]]
        }
    }

    private static func schema(of field: SettingShape.Field) -> [String: Any] {
        var schema = Self.schema(of: field.shape)
        schema["description"] = field.help
        if field.isSection { schema["type"] = ["object", "null"] }
        guard let setting = field.setting else { return schema }
        let names = ["--\(setting.flag)"] + setting.variables + (setting.isSecret ? setting.secretFiles : [])
        schema["$comment"] = "Also \(names.joined(separator: ", ")). Default: \(setting.defaultText)."
        return schema
    }
}
