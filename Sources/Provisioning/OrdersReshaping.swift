public import Domain
internal import Secrets
public import Store

/// Services whose customers choose otherwise while they are there.
extension Orders {
    /// Another key, address or the like. The backend is brought to it by a job; what it has used until now is read first.
    /// - Parameter wishes: members of the options that change; the others stay.
    /// - Throws: `Refusal`s as `StoreError.refused`; `.busy` when it was being worked on: try again.
    public func reshape(
        _ service: Service, to wishes: JSONObject, actor: String, request: RequestID?, in store: Store
    ) async throws(StoreError) -> Operation? {
        guard let driver = drivers[service.kind] as? any Reshaping else { throw Refusal.badOptions.error }
        var options = service.options.object ?? [:]
        for (name, value) in wishes.members { options[name] = value == .null ? nil : value }
        let wanted = JSON.object(options)
        do throws(InputErrors) { try driver.check(options: wanted) } catch { throw Refusal.badOptions.error }
        let opened = try await store.read { reader throws(StoreError) in
            let backend = try service.backendID.flatMap { id throws(StoreError) in try reader.backend(id) }
            return try secrets.order(service, backend: backend, reader)
        }
        let order: ServiceOrder
        do throws(SecretsError) { order = try opened.get() } catch {
            throw .programming("a secret cannot be opened: \(error)")
        }
        let reshape: Reshape
        do throws(DriverError) { reshape = try driver.reshape(order, to: .object(wishes)) } catch { throw Refusal.badOptions.error }
        let tail = reshape.beginsAnew ? await lastReading(driver, service, order) : nil
        let sealed = reshape.secret == order.secret ? service.secretSealed : secrets.seal(reshape.secret, of: service.id)
        return try await store.transaction { [self] transaction throws(StoreError) in
            if !reshape.claims.isEmpty { try transaction.takeTurn(.placing) }
            guard let now = try transaction.serviceForChange(service.id) else { throw Refusal.unknownService.error }
            guard now.desired != .terminated else { throw Refusal.terminated.error }
            // A worker that has begun would write what it was begun with over this.
            guard now.updatedAt == service.updatedAt, reshape.claims.isEmpty || now.actual != .unknown else { throw .busy }
            var choices = reshape.choices
            for claim in reshape.claims {
                choices[claim.name] = .string(try choose(claim, transaction))
                try transaction.releaseClaims(of: now.id, kind: claim.kind)
                let value = choices[claim.name]?.string ?? ""
                guard try transaction.claim(kind: claim.kind, scope: claim.scope, value: value, for: now.id, restSeconds: claim.restSeconds)
                else { throw Refusal.taken.error }
            }
            try transaction.setServiceChoices(
                of: now.id, choices: .object(choices), details: .object(reshape.details), options: wanted, secretSealed: sealed)
            try transaction.audit(
                actor: actor, action: "service.reshape", subject: now.id.text, before: service.options.text, after: wanted.text,
                requestID: request)
            guard !reshape.claims.isEmpty, let changed = try transaction.service(now.id) else { return nil }
            if let tail {
                var meter = try transaction.meter(of: now.id) ?? ServiceMeter(beginning: now.id, at: transaction.ambient.now())
                if meter.sample(tail, at: transaction.ambient.now()) { try transaction.keepMeter(meter) }
            }
            if reshape.beginsAnew {
                try transaction.beginMeterAnew(of: now.id)
                try transaction.setServiceUnseen(now.id)
            } else {
                try transaction.setServiceTerms(of: changed, limits: changed.limits, options: wanted)
            }
            guard let behind = try transaction.service(now.id) else { throw Refusal.unknownService.error }
            let job = try transaction.queueJob(for: behind)
            return try transaction.createOperation("change", of: now.id, job: job, actor: actor)
        }
    }

    /// What is there will count from zero: what was used until now is billed. A reading that fails costs the tail only.
    private func lastReading(_ driver: any ServiceDriver, _ service: Service, _ order: ServiceOrder) async -> UsageReading? {
        guard service.actual == .active, let driver = driver as? any UsageReporting else { return nil }
        do throws(DriverError) { return try await driver.usage(of: [order])[service.id] } catch { return nil }
    }
}
