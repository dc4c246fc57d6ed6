public import Domain
internal import Provisioning
public import Store

/// What became of a provider's message.
public enum Reception: Sendable, Equatable {
    case done(Payment, isDuplicate: Bool)
    /// Nobody knows it; kept for the operator.
    case unknownPayment
    /// It contradicts what we know; kept for the operator, nothing was granted.
    case mismatch
}

extension Sales {
    /// Takes a believed message. Fifty copies at once grant once: the payment's row is taken first, and every copy but one finds it done.
    /// - Parameter bodyDigest: of the raw bytes, kept for the operator.
    public func receive(_ event: PaymentEvent, bodyDigest: [UInt8], request: RequestID? = nil) async throws(StoreError) -> Reception {
        try await changing { transaction throws(StoreError) in
            let known: Payment? =
                if let number = event.paymentNumber { try transaction.payment(number: number) } else if let id = event.providerPaymentID {
                    try transaction.payment(provider: event.provider, providerPaymentID: id)
                } else { nil }
            let key = event.eventID ?? Self.key(of: event, known)
            func keep(_ outcome: String, _ payment: PaymentID?) throws(StoreError) {
                try transaction.recordInbox(
                    source: event.provider, eventID: key, payment: payment, kind: event.status.rawValue, outcome: outcome,
                    bodyDigest: bodyDigest)
            }
            guard let id = known?.id, let payment = try transaction.paymentForChange(id) else {
                try keep("unknown_payment", nil)
                return .unknownPayment
            }
            if let fault = try Self.mismatch(event, payment, transaction) {
                // A bad copy of a known event does not overwrite what became of the good one.
                if try transaction.inboxEvent(source: event.provider, eventID: key) == nil { try keep("mismatch", id) }
                try transaction.audit(
                    actor: "webhook:\(event.provider)", action: "payment.mismatch", subject: id.text,
                    after: JSON.object(["field": .string(fault)]).text, requestID: request)
                try transaction.promise(
                    "payment.mismatch", subject: id.text, body: ["payment_id": .int(payment.number), "field": .string(fault)])
                return .mismatch
            }
            if let seen = try transaction.inboxEvent(source: event.provider, eventID: key), seen.paymentID == id, seen.outcome != "mismatch"
            {
                return .done(payment, isDuplicate: true)
            }
            if let providerID = event.providerPaymentID, payment.providerPaymentID == nil {
                _ = try transaction.linkPayment(id, providerPaymentID: providerID)
            }
            try transaction.takeTurn(.money(payment.userID))
            return try settle(event, payment, keep, request, transaction)
        }
    }

    private func settle(
        _ event: PaymentEvent, _ payment: Payment, _ keep: (String, PaymentID?) throws(StoreError) -> Void, _ request: RequestID?,
        _ transaction: Transaction
    ) throws(StoreError) -> Reception {
        let actor = "webhook:\(event.provider)"
        switch (event.status, payment.status) {
        case (.completed, .pending), (.completed, .failed):
            let settled = try complete(payment, actor: actor, request: request, in: transaction)
            try keep("granted", payment.id)
            return .done(settled, isDuplicate: false)
        case (.failed, .pending):
            try transaction.setPaymentStatus(.failed, of: payment.id)
            try transaction.audit(actor: actor, action: "payment.fail", subject: payment.id.text, requestID: request)
            try keep("failed", payment.id)
            return .done(try transaction.payment(payment.id) ?? payment, isDuplicate: false)
        case (.refunded, .completed):
            // The whole amount says that all of it is back, whatever went before.
            let isTotal = event.refundIsTotal || event.amount == payment.amount
            let units = isTotal ? event.amount.minorUnits - payment.refunded.minorUnits : event.amount.minorUnits
            guard units > 0 else {
                try keep("ignored", payment.id)
                return .done(payment, isDuplicate: true)
            }
            let settled = try refund(payment, units, actor: actor, request: request, in: transaction)
            try keep("refunded", payment.id)
            return .done(settled, isDuplicate: false)
        case (.completed, .completed), (.failed, .failed), (.refunded, .refunded):
            try keep("repeated", payment.id)
            return .done(payment, isDuplicate: true)
        case (.refunded, .pending), (.refunded, .failed):
            // It came before the word that the money is there. Refused, so that its sender comes again: taken as done, that word would later
            // grant what was paid back.
            try keep("mismatch", payment.id)
            try transaction.promise(
                "payment.mismatch", subject: payment.id.text, body: ["payment_id": .int(payment.number), "field": "status"])
            return .mismatch
        case (.failed, .completed), (.failed, .refunded), (.completed, .refunded):
            // Late or out of order: what is settled stays.
            try transaction.audit(
                actor: actor, action: "payment.event_ignored", subject: payment.id.text, before: Self.shown(payment),
                after: JSON.object(["status": .string(event.status.rawValue)]).text, requestID: request)
            try keep("ignored", payment.id)
            return .done(payment, isDuplicate: false)
        }
    }

    /// The name of the field that contradicts the payment; nil when it fits.
    private static func mismatch(_ event: PaymentEvent, _ payment: Payment, _ transaction: Transaction) throws(StoreError) -> String? {
        guard event.provider == payment.provider else { return "provider" }
        if let id = event.providerPaymentID {
            if let known = payment.providerPaymentID, known != id { return "provider_payment_id" }
            if let other = try transaction.payment(provider: event.provider, providerPaymentID: id), other.id != payment.id {
                return "provider_payment_id"
            }
        }
        guard event.amount.currency == payment.amount.currency else { return "currency" }
        if let number = event.userNumber, try transaction.user(payment.userID)?.number != number { return "user_id" }
        if event.amount == payment.amount { return nil }
        // Part of the money may go back, as often as there are events of their own for it.
        let isPart = event.status == .refunded && event.eventID != nil && event.amount.minorUnits < payment.amount.minorUnits
        let fits = event.refundIsTotal || payment.refunded.minorUnits + event.amount.minorUnits <= payment.amount.minorUnits
        return isPart && fits ? nil : "amount"
    }

    private static func key(of event: PaymentEvent, _ payment: Payment?) -> String {
        "\(event.providerPaymentID ?? payment?.id.text ?? event.paymentNumber.map(String.init) ?? "")|\(event.status.rawValue)"
    }
}
