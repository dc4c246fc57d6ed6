import Domain
import Testing

/// Every answer is compared with eight bytes looked at one by one.
struct EightBytesTests {
    /// Each byte value in each of the eight places, beside neighbours that a borrow could run into.
    private static var words: [[UInt8]] {
        var words: [[UInt8]] = []
        for neighbour in [0x00, 0x01, 0x20, 0x22, 0x7f, 0x80, 0xff] as [UInt8] {
            for value in UInt8.min...UInt8.max {
                for place in 0..<8 {
                    var word = [UInt8](repeating: neighbour, count: 8)
                    word[place] = value
                    words.append(word)
                }
            }
        }
        return words
    }

    private func disagreement(_ mask: (EightBytes) -> UInt64, _ holds: (UInt8) -> Bool) -> [UInt8]? {
        Self.words.first { word in
            let bytes = [0x2e] + word + [0x2e]
            return mask(EightBytes(bytes.span, 1)).firstByte != word.firstIndex(where: holds) ?? 8
        }
    }

    @Test(arguments: [0x00, 0x0a, 0x22, 0x5c, 0x7f, 0x80, 0xff] as [UInt8])
    func `the first byte that is this one is found`(_ wanted: UInt8) {
        #expect(disagreement({ $0.mask(equal: wanted) }, { $0 == wanted }) == nil)
    }

    @Test(arguments: [0x01, 0x20, 0x80] as [UInt8]) func `the first byte below this one is found`(_ limit: UInt8) {
        #expect(disagreement({ $0.mask(below: limit) }, { $0 < limit }) == nil)
    }

    @Test func `the first of several is found`() {
        #expect(disagreement({ $0.mask(equal: 0x22) | $0.mask(equal: 0x5c) }, { $0 == 0x22 || $0 == 0x5c }) == nil)
    }

    @Test func `every byte that is no letter and no hyphen is found`() {
        let wrong = Self.words.first { word in
            let mask = EightBytes(word.span, 0).maskOfOthersThanLettersAndHyphens
            return mask
                != word.indices.reduce(0) { mask, place in
                    let isLetter = (0x61...0x7a).contains(word[place] | 0x20) && word[place] < 0x80
                    return isLetter || word[place] == 0x2d ? mask : mask | 0x80 << UInt64(place * 8)
                }
        }
        #expect(wrong == nil)
    }

    @Test func `plain is ASCII without NUL`() {
        let wrong = Self.words.first { word in EightBytes(word.span, 0).isPlain != word.allSatisfy { $0 > 0 && $0 < 0x80 } }
        #expect(wrong == nil)
    }
}
