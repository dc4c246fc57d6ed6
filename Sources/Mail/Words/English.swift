extension MailWords {
    static let english = MailWords(
        greeting: "Hello {name},", greetingWithoutName: "Hello,",
        linkHint: "If the button does not work, copy this address into your browser:",
        footer: "This mail was sent by {site}. Please do not reply to it.",
        verify: Letter(
            subject: "Confirm your address for {site}",
            paragraphs: ["Somebody registered at {site} with this mail address. If that was you, confirm that it is yours."],
            action: "Confirm address",
            note: "The link works once, for three days. If you did not register, ignore this mail: nothing happens without the link."),
        reset: Letter(
            subject: "A new password for {site}",
            paragraphs: ["Somebody asked for a new password for your account at {site}. If that was you, choose one here."],
            action: "Choose a new password",
            note:
                "The link works once, for 30 minutes. A new password signs you out everywhere and ends your tokens. If you did not ask for it, ignore this mail: your password stays as it is."
        ),
        change: Letter(
            subject: "Confirm your new address for {site}",
            paragraphs: ["Somebody wants to use this mail address for their account at {site}. If that was you, confirm that it is yours."],
            action: "Confirm new address",
            note: "The link works once, for a day. If it was not you, ignore this mail: nothing changes without the link."),
        changed: Letter(
            subject: "Your address at {site} was changed",
            paragraphs: [
                "Your account at {site} has another mail address since {end}; this one is no longer used.",
                "If that was not you, somebody else is in your account: tell the operator of {site} at once.",
            ]),
        endsInThreeDays: Letter(
            subject: "{plan} ends in three days",
            paragraphs: [
                "Your plan {plan} at {site} ends on {end}.",
                "Renew it before then and everything goes on as it is: the same keys, addresses and settings.",
            ]),
        endsInOneDay: Letter(
            subject: "{plan} ends within a day",
            paragraphs: [
                "Your plan {plan} at {site} ends on {end}. After that your services stop.",
                "A renewal brings them back with the same keys, addresses and settings.",
            ]),
        payment: Letter(
            subject: "Payment {number} received",
            paragraphs: ["We have received your payment {number} of {amount} for: {plan}.", "Thank you."],
            note: "You find the invoice in your account at {site}."),
        credit: "credit on your account")
}
