internal import Domain

/// Routes by path segment, matched on bytes. Fixed parts beat parameters, parameters beat tails, at every depth.
struct RouteTable: Sendable {
    struct Match: Sendable {
        let node: Int
        /// In the template's order, ranges of the path that was looked up.
        let parameters: [Range<Int>]
    }
    private struct Node: Sendable {
        var fixed: [(text: [UInt8], node: Int)] = []
        var parameter: Int?
        var tail: Int?
        /// By `Method.allCases` position; -1 for none.
        var routes = [Int](repeating: -1, count: Method.allCases.count)
        /// Whose route made this node, for the names of mistakes.
        var template: String?
    }
    private var nodes = [Node()]

    /// Adds a route under its full path.
    mutating func insert(_ template: PathTemplate, _ method: Method, route: Int) {
        var at = 0
        for part in template.parts {
            switch part {
            case .literal(let text):
                if let known = nodes[at].fixed.first(where: { $0.text == text })?.node {
                    at = known
                } else {
                    at = add { $0[at].fixed.append((text, $1)) }
                }
            case .parameter: if let known = nodes[at].parameter { at = known } else { at = add { $0[at].parameter = $1 } }
            case .tail: if let known = nodes[at].tail { at = known } else { at = add { $0[at].tail = $1 } }
            }
        }
        let other = nodes[at].template ?? template.text
        precondition(other == template.text, "the routes \(other) and \(template.text) cannot be told apart")
        precondition(nodes[at].routes[method.position] < 0, "the route \(method.rawValue) \(template.text) is there twice")
        nodes[at].template = template.text
        nodes[at].routes[method.position] = route
    }
    private mutating func add(_ link: (inout [Node], Int) -> Void) -> Int {
        nodes.append(Node())
        link(&nodes, nodes.count - 1)
        return nodes.count - 1
    }

    /// The place of a path with its escapes resolved. Each node is looked at once at most, so no path can make this slow.
    func find(_ path: Span<UInt8>) -> Match? {
        guard path.count > 0, path[0] == 0x2f else { return nil }
        var parameters: [Range<Int>] = []
        guard let node = path.count == 1 ? (hasRoutes(0) ? 0 : nil) : walk(0, path, from: 1, &parameters) else { return nil }
        return Match(node: node, parameters: parameters)
    }

    private func walk(_ node: Int, _ path: Span<UInt8>, from start: Int, _ parameters: inout [Range<Int>]) -> Int? {
        var end = start
        while end < path.count, path[end] != 0x2f { end += 1 }
        let isLast = end == path.count
        for child in nodes[node].fixed where Self.same(child.text, path, start, end) {
            if isLast {
                if hasRoutes(child.node) { return child.node }
            } else if let found = walk(child.node, path, from: end + 1, &parameters) {
                return found
            }
            break
        }
        if let child = nodes[node].parameter, end > start {
            parameters.append(start..<end)
            if isLast {
                if hasRoutes(child) { return child }
            } else if let found = walk(child, path, from: end + 1, &parameters) {
                return found
            }
            parameters.removeLast()
        }
        if let child = nodes[node].tail, path.count > start {
            parameters.append(start..<path.count)
            return child
        }
        return nil
    }
    private static func same(_ text: [UInt8], _ path: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        guard text.count == end - start else { return false }
        for index in text.indices where text[index] != path[start + index] { return false }
        return true
    }
    private func hasRoutes(_ node: Int) -> Bool { nodes[node].template != nil }

    /// The route for that method; HEAD falls back to GET.
    func route(_ method: Method, at node: Int) -> Int? {
        let own = nodes[node].routes[method.position]
        if own >= 0 { return own }
        guard method == .head else { return nil }
        let get = nodes[node].routes[Method.get.position]
        return get >= 0 ? get : nil
    }
    /// For the Allow header.
    func methods(at node: Int) -> [Method] {
        Method.allCases.filter { $0 == .options || route($0, at: node) != nil }
    }
}

extension Method {
    var position: Int {
        switch self {
        case .get: 0
        case .head: 1
        case .post: 2
        case .put: 3
        case .patch: 4
        case .delete: 5
        case .options: 6
        }
    }
}
