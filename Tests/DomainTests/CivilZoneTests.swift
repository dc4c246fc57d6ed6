import Domain
import TestKit
import Testing

/// Days, weeks and months as the wall clocks of a place have them.
struct CivilZoneTests {
    private static let newZealand = "NZST-12NZDT,M9.5.0,M4.1.0/3"
    /// Clocks change at midnight itself: a day that has no midnight, and one that has it twice.
    private static let chile = "<-04>4<-03>,M9.1.6/24,M4.1.6/24"

    @Test(arguments: [
        ("UTC0", "2026-11-20T23:59:59.999Z", "2026-11-20", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
        ("<+14>-14", "2026-11-21T09:59:59.999Z", "2026-11-21", "2026-11-20T10:00:00Z", "2026-11-21T10:00:00Z"),
        ("<+14>-14", "2026-11-21T10:00:00Z", "2026-11-22", "2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z"),
        ("SST11", "2026-11-21T10:59:59.999Z", "2026-11-20", "2026-11-20T11:00:00Z", "2026-11-21T11:00:00Z"),
        ("SST11", "2026-11-21T11:00:00Z", "2026-11-21", "2026-11-21T11:00:00Z", "2026-11-22T11:00:00Z"),
        ("IST-5:30", "2026-12-31T18:30:00Z", "2027-01-01", "2026-12-31T18:30:00Z", "2027-01-01T18:30:00Z"),
        // Forward by an hour at two in the morning: 23 hours. Back at three: 25.
        (newZealand, "2026-09-26T12:00:00Z", "2026-09-27", "2026-09-26T12:00:00Z", "2026-09-27T11:00:00Z"),
        (newZealand, "2026-09-27T10:59:59Z", "2026-09-27", "2026-09-26T12:00:00Z", "2026-09-27T11:00:00Z"),
        (newZealand, "2026-04-05T11:30:00Z", "2026-04-05", "2026-04-04T11:00:00Z", "2026-04-05T12:00:00Z"),
        // No midnight: Sunday begins at one. Midnight twice: Saturday's last hour comes again.
        (chile, "2026-09-06T04:00:00Z", "2026-09-06", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"),
        (chile, "2026-04-05T03:30:00Z", "2026-04-04", "2026-04-04T03:00:00Z", "2026-04-05T04:00:00Z"),
    ])
    func `a day begins and ends when its wall clocks say so`(
        rule: String, at moment: String, name: String, begin: String, end: String
    ) throws {
        let (zone, moment) = (try CivilZone.following(rule), try Timestamp(parsing: moment))
        let day = try Timestamp(parsing: begin)..<Timestamp(parsing: end)
        #expect(zone.dayText(moment) == name)
        #expect(zone.day(around: moment) == day)
        #expect(try zone.day(parsing: name) == day)
    }

    @Test(arguments: [
        "UTC0", "<+14>-14", "SST11", "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45", newZealand, chile, "CET-1CEST,M3.5.0,M10.5.0/3",
    ])
    func `every half hour of a year lies in one day, week and month, and days follow each other`(rule: String) throws {
        let zone = try CivilZone.following(rule)
        var moment = try Timestamp(parsing: "2026-01-01T00:00:00Z")
        var before = zone.day(around: moment)
        for _ in 0..<366 * 48 {
            moment = moment.adding(seconds: 1800)
            let day = zone.day(around: moment)
            if day != before {
                #expect(day.lowerBound == before.upperBound, "no gap and no overlap")
                before = day
            }
            let name = zone.dayText(moment)
            guard day.contains(moment), zone.dayText(day.lowerBound) == name, try zone.day(parsing: name) == day,
                zone.week(around: moment, startDay: 1, hour: 0).contains(moment), zone.month(around: moment).contains(moment)
            else {
                Issue.record("\(moment.text) in \(rule)")
                return
            }
        }
    }

    @Test(arguments: ["", "2026-13-01", "2026-02-30", "26-01-01", "2026-01-01T00:00:00Z"])
    func `what is no day has no bounds`(text: String) throws {
        #expect(throws: ParseError.self) { try CivilZone.utc.day(parsing: text) }
    }
}
