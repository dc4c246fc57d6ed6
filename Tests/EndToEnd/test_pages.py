"""Every page that the server has, in a real browser: nothing is refused or missing, and it fits a phone and a desk."""
import os

import pytest

import far_side
from browser import Browser
from far_side import until
from test_vpn import CONTROLLER_PASSWORD, Controller, Customer

# Long words on purpose: they are what does not fit.
ADDRESS, PLAN = "ada.with-a-rather-long-address@customers-of-a-shop.example.com", "VPN-access-for-a-month-without-a-space-to-break-at"
TOO_WIDE = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120)).slice(0, 5)"


@pytest.fixture(scope="module")
def shop(fake_session):
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with Controller("v15.3") as controller, far_side.Gatehouse(
            fake_session, WG_EASY_URL=controller.url, WG_EASY_PASSWORD=CONTROLLER_PASSWORD, REGISTRATION="open",
            SHARE_DIR=str(far_side.ROOT / "build" / "share")) as server:
        server.command("plan", "create", PLAN, "--kind", "vpn", "--price", "5.00", "--days", "30")
        ada = Customer(server, ADDRESS)
        ada.buy()
        until(lambda: ada.peer().get("state") == "active")
        yield server, ada


def link(ada):
    [service] = ada.call("GET", "/api/portal/services")[1]["services"]
    return ada.call("POST", f"/api/portal/services/{service['id']}/config-links", {})[1]["path"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


# The address, what is seen when the page is whole (the docs page shows more as one scrolls), and whether the customer is signed in.
PAGES = {
    "docs": (lambda ada: "/api/docs", "document.querySelectorAll('.opblock').length > 4", False),
    "verify": (lambda ada: "/account/verify#" + "a" * 43, "document.querySelector('button')?.innerText.length > 0", False),
    "reset": (lambda ada: "/account/reset#" + "a" * 43, "document.querySelector('input')?.offsetWidth > 0", False),
    "a link that is not whole": (lambda ada: "/account/verify", "document.body.innerText.includes('Ask for a new one')", False),
    "config link": (link, "document.querySelectorAll('form button').length == 2", False),
    "config link that is over": (lambda ada: "/share/config/" + "0" * 64, "document.body.innerText.includes('has been used or has ended')", False),
    "invoice": (lambda ada: "/payments/1/invoice?format=html", "document.querySelector('tfoot').innerText.includes('5.00')", True),
}


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_fits(shop, browser, name, width):
    server, ada = shop
    path, seen, signed_in = PAGES[name]
    page = browser.page(server.url + path(ada), width, {"authorization": f"Bearer {ada.token}"} if signed_in else {})
    try:
        page.until(seen)
        assert page.value("innerWidth") == width, "the page's own viewport is the screen's"
        assert page.value("document.documentElement.scrollWidth") <= width, page.value(TOO_WIDE)
        allowed = [text for text in page.complaints() if name != "config link that is over" or "404" not in text]
        assert allowed == []
    finally:
        page.close()
