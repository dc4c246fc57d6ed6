extension MailWords {
    static let simplifiedChinese = MailWords(
        greeting: "{name}，您好：", greetingWithoutName: "您好：", linkHint: "如果按钮无法点击，请将以下地址复制到浏览器中打开：",
        footer: "本邮件由 {site} 自动发送，请勿回复。",
        verify: Letter(
            subject: "请确认您在 {site} 的邮箱地址", paragraphs: ["有人使用此邮箱在 {site} 注册了账户。如果是您本人，请确认这是您的邮箱。"], action: "确认邮箱",
            note: "此链接三天内有效，且只能使用一次。如果您没有注册，请忽略本邮件；不点击链接就不会有任何变化。"),
        reset: Letter(
            subject: "重置您在 {site} 的密码", paragraphs: ["有人请求重置您在 {site} 的账户密码。如果是您本人，请点击下方设置新密码。"], action: "设置新密码",
            note: "此链接 30 分钟内有效，且只能使用一次。设置新密码后，所有设备都会退出登录，您的令牌也将失效。如果不是您本人操作，请忽略本邮件，密码不会改变。"),
        change: Letter(
            subject: "请确认您在 {site} 的新邮箱地址", paragraphs: ["有人希望将此邮箱用于其在 {site} 的账户。如果是您本人，请确认这是您的邮箱。"], action: "确认新邮箱",
            note: "此链接一天内有效，且只能使用一次。如果不是您本人操作，请忽略本邮件；不点击链接就不会有任何变化。"),
        changed: Letter(
            subject: "您在 {site} 的邮箱地址已更改",
            paragraphs: ["自 {end} 起，您在 {site} 的账户已使用其他邮箱，此邮箱不再使用。", "如果不是您本人操作，说明有人进入了您的账户，请立即联系 {site} 的运营者。"]),
        endsInThreeDays: Letter(
            subject: "{plan} 将在三天后到期", paragraphs: ["您在 {site} 的套餐 {plan} 将于 {end} 到期。", "在此之前续费，一切保持不变：密钥、地址和设置都不会改变。"]),
        endsInOneDay: Letter(
            subject: "{plan} 将在一天内到期", paragraphs: ["您在 {site} 的套餐 {plan} 将于 {end} 到期，届时服务将停止。", "续费后，服务会以相同的密钥、地址和设置恢复。"]),
        payment: Letter(
            subject: "已收到付款 {number}", paragraphs: ["我们已收到您的付款 {number}，金额 {amount}，用于：{plan}。", "感谢您的支持。"],
            note: "您可以在 {site} 的账户中查看发票。"),
        credit: "账户余额充值")
}
