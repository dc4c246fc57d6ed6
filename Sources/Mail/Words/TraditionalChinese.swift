extension MailWords {
    static let traditionalChinese = MailWords(
        greeting: "{name}，您好：", greetingWithoutName: "您好：", linkHint: "如果按鈕無法點擊，請將以下網址複製到瀏覽器中開啟：",
        footer: "本郵件由 {site} 自動寄出，請勿回覆。",
        verify: Letter(
            subject: "請確認您在 {site} 的電子郵件地址", paragraphs: ["有人使用此電子郵件在 {site} 註冊了帳戶。如果是您本人，請確認這是您的地址。"], action: "確認電子郵件",
            note: "此連結三天內有效，且只能使用一次。如果您沒有註冊，請忽略本郵件；不點擊連結就不會有任何變化。"),
        reset: Letter(
            subject: "重設您在 {site} 的密碼", paragraphs: ["有人要求重設您在 {site} 的帳戶密碼。如果是您本人，請點擊下方設定新密碼。"], action: "設定新密碼",
            note: "此連結 30 分鐘內有效，且只能使用一次。設定新密碼後，所有裝置都會登出，您的權杖也將失效。如果不是您本人操作，請忽略本郵件，密碼不會改變。"),
        change: Letter(
            subject: "請確認您在 {site} 的新電子郵件地址", paragraphs: ["有人希望將此電子郵件用於其在 {site} 的帳戶。如果是您本人，請確認這是您的電子郵件。"], action: "確認新電子郵件",
            note: "此連結一天內有效，且只能使用一次。如果不是您本人操作，請忽略本郵件；不點擊連結就不會有任何變化。"),
        changed: Letter(
            subject: "您在 {site} 的電子郵件地址已變更",
            paragraphs: ["自 {end} 起，您在 {site} 的帳戶已使用其他電子郵件，此地址不再使用。", "如果不是您本人操作，表示有人進入了您的帳戶，請立即聯絡 {site} 的營運者。"]),
        endsInThreeDays: Letter(
            subject: "{plan} 將在三天後到期", paragraphs: ["您在 {site} 的方案 {plan} 將於 {end} 到期。", "在此之前續費，一切保持不變：金鑰、位址和設定都不會改變。"]),
        endsInOneDay: Letter(
            subject: "{plan} 將在一天內到期", paragraphs: ["您在 {site} 的方案 {plan} 將於 {end} 到期，屆時服務將停止。", "續費後，服務會以相同的金鑰、位址和設定恢復。"]),
        payment: Letter(
            subject: "已收到付款 {number}", paragraphs: ["我們已收到您的付款 {number}，金額 {amount}，用於：{plan}。", "感謝您的支持。"],
            note: "您可以在 {site} 的帳戶中查看發票。"),
        credit: "帳戶餘額儲值")
}
