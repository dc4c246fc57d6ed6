"""One fake upstream and one server for the session, which is one of several workers. RELAY_DIRECT=1 puts the fake itself in the server's
place: that tests the tests."""
import os

import pytest

import far_side
import postgres

# Of each server when a test failed.
SHOWN_LINES = 40


def pytest_report_header(config):
    return "RELAY_DIRECT=1: no server, the suite is compared with itself" if os.environ.get("RELAY_DIRECT") == "1" else None


def pytest_configure(config):
    config.addinivalue_line("markers", "long(seconds): takes about that long; the longest begin first, so that no worker is alone with one at the end")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: -seconds(item))


def seconds(item):
    mark = item.get_closest_marker("long")
    return mark.args[0] if mark else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the servers said that ran since its test began."""
    if call.when == "setup":
        far_side.Gatehouse.heard = [server for server in far_side.Gatehouse.heard if server.process.poll() is None]
    report = yield
    if report.failed:
        for server in far_side.Gatehouse.heard:
            report.sections.append((f"gatehouse in {server.folder}, process {server.process.pid}", "".join(server.printed().splitlines(True)[-SHOWN_LINES:])))
    return report


@pytest.fixture(scope="session", autouse=True)
def shared_postgres():
    yield
    postgres.Database.close()


@pytest.fixture(scope="session")
def fake_session():
    with far_side.Fake() as fake:
        yield fake


class Itself:
    """The fake upstream in the server's place."""

    def __init__(self, fake):
        self.url, self.key = fake.url, far_side.RELAY_ACCOUNT


@pytest.fixture(scope="session")
def relay_session(fake_session):
    if os.environ.get("RELAY_DIRECT") == "1":
        yield Itself(fake_session)
        return
    with far_side.Gatehouse(fake_session) as relay:
        yield relay


@pytest.fixture
def fake(fake_session):
    fake_session.reset()
    return fake_session


@pytest.fixture
def relay(relay_session, fake):
    # What tests before have used is booked, so that a test may count.
    if os.environ.get("RELAY_DIRECT") != "1":
        relay_session.quiet()
    return relay_session


@pytest.fixture
def server(relay):
    """For tests that need the server itself."""
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: this test needs the server")
    return relay
