/// The script and the style of the account pages, as a browser gets them.
enum AccountPageText {
    /// Takes the secret out of the address at once, so that neither the history nor a screenshot keeps it. `connect-src 'self'` and a
    /// `submit` that is handled here keep it from going anywhere else.
    static let script = #"""
        "use strict";
        (function () {
          const words = {
            en: {
              verify: ["Confirm your address", "Press the button to confirm that this mail address is yours.", "Confirm address", "Your address is confirmed. You can sign in now."],
              reset: ["Choose a new password", "You will be signed out everywhere, and your tokens end.", "Set password", "Your password is set. You can sign in with it now."],
              password: "New password", invalid: "This link has been used, has ended or is not whole. Ask for a new one.",
              many: "Too many attempts. Wait a quarter of an hour.", failed: "That did not work. Try again in a moment.", weak: "Choose another password: "
            },
            "zh-Hans": {
              verify: ["确认邮箱地址", "请点击按钮，确认这是您的邮箱。", "确认邮箱", "邮箱已确认，您现在可以登录。"],
              reset: ["设置新密码", "所有设备都会退出登录，您的令牌也将失效。", "设置密码", "密码已设置，您现在可以使用新密码登录。"],
              password: "新密码", invalid: "此链接已使用、已过期或不完整，请重新申请。",
              many: "尝试次数过多，请十五分钟后再试。", failed: "操作未成功，请稍后再试。", weak: "请选择其他密码："
            },
            "zh-Hant": {
              verify: ["確認電子郵件地址", "請點擊按鈕，確認這是您的電子郵件。", "確認電子郵件", "電子郵件已確認，您現在可以登入。"],
              reset: ["設定新密碼", "所有裝置都會登出，您的權杖也將失效。", "設定密碼", "密碼已設定，您現在可以使用新密碼登入。"],
              password: "新密碼", invalid: "此連結已使用、已過期或不完整，請重新申請。",
              many: "嘗試次數過多，請十五分鐘後再試。", failed: "操作未成功，請稍後再試。", weak: "請選擇其他密碼："
            },
            ru: {
              verify: ["Подтверждение адреса", "Нажмите кнопку, чтобы подтвердить, что адрес ваш.", "Подтвердить адрес", "Адрес подтверждён. Теперь вы можете войти."],
              reset: ["Новый пароль", "Все сеансы будут завершены, токены отозваны.", "Задать пароль", "Пароль задан. Теперь вы можете войти с ним."],
              password: "Новый пароль", invalid: "Ссылка уже использована, истекла или неполна. Запросите новую.",
              many: "Слишком много попыток. Подождите четверть часа.", failed: "Не получилось. Попробуйте ещё раз чуть позже.", weak: "Выберите другой пароль: "
            }
          };
          function language() {
            for (const tag of navigator.languages || [navigator.language || "en"]) {
              const lower = tag.toLowerCase();
              if (lower.startsWith("zh")) { return /hant|-tw|-hk|-mo/.test(lower) ? "zh-Hant" : "zh-Hans"; }
              if (lower.startsWith("ru")) { return "ru"; }
              if (lower.startsWith("en")) { return "en"; }
            }
            return "en";
          }
          const page = document.body.dataset.page;
          const chosen = language();
          const say = words[chosen];
          const [title, text, button, done] = say[page];
          const secret = location.hash.slice(1);
          history.replaceState(null, "", location.pathname);
          const part = function (id) { return document.getElementById(id); };
          document.documentElement.lang = chosen;
          document.title = title;
          part("title").textContent = title;
          part("text").textContent = secret ? text : say.invalid;
          part("button").textContent = button;
          part("label").textContent = say.password;
          part("form").hidden = !secret;
          part("field").hidden = page !== "reset";
          part("password").required = page === "reset";
          part("form").addEventListener("submit", async function (event) {
            event.preventDefault();
            part("button").disabled = true;
            const isReset = page === "reset";
            const body = isReset ? { token: secret, new_password: part("password").value } : { token: secret };
            try {
              const reply = await fetch(isReset ? "../api/auth/password/reset" : "../api/auth/email/verify", {
                method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), credentials: "omit", referrerPolicy: "no-referrer"
              });
              if (reply.ok) {
                part("form").hidden = true;
                part("text").textContent = done;
                return;
              }
              if (reply.status === 410) { part("form").hidden = true; }
              let sentence = reply.status === 410 ? say.invalid : reply.status === 429 ? say.many : say.failed;
              if (reply.status === 422 || reply.status === 400) {
                const answer = await reply.json().catch(function () { return {}; });
                const faults = (answer.error && answer.error.fields) || [];
                sentence = say.weak + faults.map(function (fault) { return fault.message; }).join("; ");
              }
              part("text").textContent = sentence;
            } catch (error) {
              part("text").textContent = say.failed;
            }
            part("button").disabled = false;
          });
        })();

        """#
    static let style = """
        *, *::before, *::after { box-sizing: border-box; }
        body { margin: 0; background: #f4f5f7; color: #1b1b1b; font: 16px/1.5 system-ui, sans-serif; }
        main { max-width: 26rem; margin: 12vh auto 0; padding: 2rem; background: #ffffff; border-radius: 10px; overflow-wrap: break-word; }
        h1 { font-size: 1.4rem; margin: 0 0 0.5rem; }
        label { display: block; font-weight: 600; }
        input { width: 100%; padding: 0.6rem; font: inherit; border: 1px solid #8a8f98; border-radius: 6px; }
        button { padding: 0.6rem 1.2rem; font: inherit; color: #ffffff; background: #1f5fbf; border: 0; border-radius: 6px; cursor: pointer; }
        button:disabled { opacity: 0.6; }
        :focus-visible { outline: 3px solid #7fb0ff; outline-offset: 2px; }
        [hidden] { display: none; }
        @media (prefers-color-scheme: dark) {
          body { background: #16181c; color: #e8e8e8; }
          main { background: #22252b; }
          input { background: #16181c; color: inherit; }
        }

        """
}
