// Any bytes are a body that is refused, or a request whose fields are those a full JSON parser finds; a model map replaces that string only.
internal import Glibc

@_cdecl("LLVMFuzzerTestOneInput") public func fuzzMessagesRequest(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = [UInt8](UnsafeBufferPointer(start: start, count: count))
    let request: MessagesRequest
    do throws(MessagesRequest.Problem) { request = try MessagesRequest(scanning: input.span) } catch { return 0 }

    guard !request.model.isEmpty, request.modelRange.lowerBound > 0, request.modelRange.upperBound < count else { fatalError("model") }
    guard input[request.modelRange.lowerBound] == 0x22, input[request.modelRange.upperBound - 1] == 0x22 else { fatalError("quotes") }
    // The scanner is lenient where the upstream judges; where the strict parser reads the body, both must have read the same.
    if let whole = try? JSON(parsing: input) { compare(request, whole) }

    let mapped = request.body(input.span, model: "mapped \"name\"")
    let tail = count - request.modelRange.upperBound
    guard mapped.prefix(request.modelRange.lowerBound) == input.prefix(request.modelRange.lowerBound) else { fatalError("bytes before") }
    guard mapped.suffix(tail) == input.suffix(tail) else { fatalError("bytes after") }
    do throws(MessagesRequest.Problem) {
        let again = try MessagesRequest(scanning: mapped.span)
        guard again.model == "mapped \"name\"", again.isStream == request.isStream, again.maxTokens == request.maxTokens else {
            fatalError("fields after mapping")
        }
    } catch { fatalError("a mapped body is refused") }
    return 0
}

private func compare(_ request: MessagesRequest, _ whole: JSON) {
    guard case .object = whole, whole["model"] == .string(request.model) else { fatalError("model differs") }
    guard request.isStream == (whole["stream"] == .bool(true)) else { fatalError("stream differs") }
    guard case .array(let messages) = whole["messages"], !messages.isEmpty else { fatalError("messages differ") }
    if case .int(let limit) = whole["max_tokens"], limit >= 0, request.maxTokens != Int64(limit) { fatalError("max_tokens differs") }
    if case .string(let speed) = whole["speed"], request.speed != speed { fatalError("speed differs") }
}
