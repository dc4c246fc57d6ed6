"""Debian's Chromium without a window, told what to do over its debugging pipe. Standard library only."""
import json, os, select, shutil, subprocess, time

PATIENCE_SECONDS = 60


class Browser:
    """One page at a time, in a profile of its own. A missing Chromium fails loudly."""

    def __init__(self, folder):
        self.program = shutil.which("chromium")
        assert self.program, 'no chromium on PATH: install the Debian package "chromium" (scripts/setup test)'
        self.folder, self.number, self.buffer, self.events = folder, 0, b"", []

    def __enter__(self):
        to_browser, self.writer = os.pipe()
        self.reader, from_browser = os.pipe()
        # It reads commands from descriptor 3 and writes answers to 4.
        command = [
            "bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", self.program, "--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--remote-debugging-pipe", f"--user-data-dir={self.folder}/profile",
            "about:blank"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(to_browser, from_browser),
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)})
        os.close(to_browser)
        os.close(from_browser)
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
            self.process.wait(timeout=20)
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self.writer)
            os.close(self.reader)

    def call(self, method, session=None, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def _message(self):
        limit = time.monotonic() + PATIENCE_SECONDS
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.reader], [], [], max(0, limit - time.monotonic()))
            assert ready, f"the browser says nothing for {PATIENCE_SECONDS} s"
            more = os.read(self.reader, 65536)
            assert more, "the browser has ended"
            self.buffer += more
        text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(text)

    def page(self, url, width, headers=None):
        """A page of that width in CSS pixels, as a phone shows it when it is narrow."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        page = Page(self, target, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.call("Network.setExtraHTTPHeaders", headers=headers or {})
        page.call("Page.navigate", url=url)
        page.until("document.readyState == 'complete' && location.href != 'about:blank'")
        return page


class Page:
    def __init__(self, browser, target, session):
        self.browser, self.target, self.session = browser, target, session

    def call(self, method, **parameters):
        return self.browser.call(method, session=self.session, **parameters)

    def value(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, expression):
        limit = time.monotonic() + PATIENCE_SECONDS
        while not self.value(expression):
            assert time.monotonic() < limit, f"it does not come to {expression}: {self.value('document.body.innerText.slice(0, 500)')}"
            time.sleep(0.05)

    def complaints(self):
        """What the browser reports as wrong: refused by the page's policy, not found, an exception."""
        mine = [event for event in self.browser.events if event.get("sessionId") == self.session]
        entries = [event["params"]["entry"] for event in mine if event["method"] == "Log.entryAdded"]
        # It asks every site for an icon of its own accord.
        return [f"{entry['text']} {entry.get('url', '')}" for entry in entries if entry["level"] == "error" and "/favicon.ico" not in entry.get("url", "")] + [
            event["params"]["exceptionDetails"]["text"] for event in mine if event["method"] == "Runtime.exceptionThrown"]

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
