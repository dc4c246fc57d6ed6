/// Passwords that are tried first everywhere.
enum CommonPasswords {
    static let all: Set<String> = Set(
        """
        12345678 123456789 1234567890 12345678910 87654321 987654321 11111111 22222222 33333333 55555555 66666666 77777777 88888888 99999999
        00000000 12121212 11223344 12344321 123123123 123321123 123454321 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 qazwsxedc zaq12wsx 123qweasd
        q1w2e3r4 q1w2e3r4t5 qwer1234 qwert123 qwerty12 qwerty123 qwerty1234 qwertyui qwertyuiop asdfasdf asdfghjk asdfghjkl asdf1234 zxcvbnm1
        zxcvbnm123 password passw0rd password1 password12 password123 password1234 passwort p@ssw0rd p@ssword pa55word pass1234 password!
        iloveyou iloveyou1 sunshine sunshine1 princess princess1 football football1 baseball baseball1 basketball superman superman1 batman123
        starwars trustno1 whatever whatever1 computer computer1 internet internet1 letmein1 letmein123 welcome1 welcome123 welcome2 abcd1234
        abcdefgh abc12345 abcabc123 a1b2c3d4 aa123456 a1234567 a12345678 admin123 admin1234 admin12345 admin123456 administrator root1234
        rootroot changeme changeme1 changeme123 default1 testtest test1234 test12345 testing1 guest123 guest1234 secret123 supersecret
        mustang1 michelle michelle1 jennifer jennifer1 jordan23 jordan123 charlie1 charlie123 michael1 michael123 daniel123 jessica1 ashley123
        master123 dragon123 monkey123 shadow123 hunter123 freedom1 freedom123 corvette mercedes maverick midnight chocolate butterfly liverpool
        liverpool1 chelsea1 arsenal1 barcelona realmadrid juventus elephant dolphins cheese123 cookie123 pokemon1 pokemon123 minecraft naruto123
        samsung1 samsung123 google123 facebook facebook1 linkedin dropbox1 microsoft windows1 windows10 linux123 qq123456 woaini520 woaini1314
        5201314520 1314520520 zhangwei wang1234 li123456 a123456789 privet123 qwerty777 ytrewq123 gfhjkm123 parol123 natasha1 maksim123 andrey123
        sergey123 aleksandr november december september february saturday summer2024 summer2025 summer2026 winter2024 winter2025 winter2026
        spring2025 autumn2025 january1 company1 company123 business server123 oracle123 mysql123 postgres postgres1 gatehouse gatehouse1
        """.split(whereSeparator: \.isWhitespace).map(String.init))

    /// - Parameter email: its own name part is as easy to guess as any word.
    static func contains(_ password: String, email: String?) -> Bool {
        let lower = password.lowercased()
        if all.contains(lower) { return true }
        guard let email else { return false }
        return lower == email || lower == email.prefix { $0 != "@" }
    }
}
