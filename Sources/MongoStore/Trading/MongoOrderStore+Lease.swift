public import TradingModel

extension MongoOrderStore {
    /// In one write: the server decides by its own clock (`$$NOW`), so that traders' clocks don't matter.
    ///
    /// - Throws: `unavailable` also where two make the lease's document at the same moment.
    public mutating func lease(
        _ name: String, holder: String, millis: Int
    ) throws(TradeStoreError) -> LeaseAttempt {
        let command = BSONDocument.of { command in
            command.append("findAndModify", TradingCollection.leases.rawValue)
            command.append("query") { $0.append("_id", name) }
            command.append("update", documents: [holder]) { holder, stage in
                stage.append("$set") { Self.appendLease(to: &$0, holder: holder, millis: millis) }
            }
            command.append("upsert", true)
            command.append("new", true)
        }
        let reply = try write(command)
        return try reply.found { (found) throws(TradeStoreError) in
            let holds = try found.need("value.holder", found.text("value.holder"))
            guard holds == holder else { return .heldByOther(holds) }
            return .held(TradingLease(name: name, holder: holder, token: try found.counter("value.token")))
        }
    }

    /// The fields as the server computes them, all from the document as it was.
    private static func appendLease(to fields: inout BSONDocument, holder: String, millis: Int) {
        // A lease without an end was given back; what is absent is below every date.
        func appendIsHeld(to condition: inout BSONDocument) {
            condition.append("$gt", of: "$until") { $0.append("1", "$$NOW") }
        }
        func appendIsOthers(to condition: inout BSONDocument) {
            condition.appendArray("$and") { both in
                both.append("0", document: appendIsHeld)
                both.append("1") { other in
                    other.append("$ne", of: "$holder") { $0.append("1") { $0.append("$literal", holder) } }
                }
            }
        }
        fields.append("holder", keptWhere: appendIsHeld) { $0.append("$literal", holder) }
        // Of what is absent a sum takes no notice: the first token is 1.
        fields.append("token", keptWhere: appendIsHeld) { next in
            next.append("$sum", of: "$token") { $0.append("1", Int64(1)) }
        }
        // What was promised before, for longer, stays promised.
        fields.append("until", keptWhere: appendIsOthers) { latest in
            latest.append("$max", of: "$until") { end in
                end.append("1") { $0.append("$add", of: "$$NOW") { $0.append("1", Int64(millis)) } }
            }
        }
    }

    /// Takes the end off the lease, which is then free; the document stays, since tokens never fall.
    public mutating func release(_ lease: TradingLease) throws(TradeStoreError) {
        let token = try TradingDocument.integer(lease.token, "token", of: lease.name)
        let command = BSONDocument.of { command in
            command.append("findAndModify", TradingCollection.leases.rawValue)
            command.append("query") { query in
                query.append("_id", lease.name)
                query.append("holder", lease.holder)
                query.append("token", token)
            }
            command.append("update") { $0.append("$unset") { $0.append("until", "") } }
        }
        _ = try write(command)
    }
}

extension BSONDocument {
    /// Appends an operation with two operands, the second appended by `body` as "1".
    fileprivate mutating func append(
        _ operation: String, of first: String, and body: (inout BSONDocument) -> Void
    ) {
        appendArray(operation) { operands in
            operands.append("0", first)
            body(&operands)
        }
    }

    /// Appends a field that keeps its value where the condition holds, and is else what `body` appends.
    fileprivate mutating func append(
        _ field: String, keptWhere condition: (inout BSONDocument) -> Void, else body: (inout BSONDocument) -> Void
    ) {
        append(field) { computed in
            computed.append("$cond") { parts in
                parts.append("if", document: condition)
                parts.append("then", "$\(field)")
                parts.append("else", document: body)
            }
        }
    }
}
