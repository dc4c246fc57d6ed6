"""One fake upstream and one server for the session. RELAY_DIRECT=1 puts the fake itself in the server's place: that tests the tests."""
import os

import pytest

import far_side


def pytest_report_header(config):
    return "RELAY_DIRECT=1: no server, the suite is compared with itself" if os.environ.get("RELAY_DIRECT") == "1" else None


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
    return relay_session


@pytest.fixture
def server(relay):
    """For tests that need the server itself."""
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: this test needs the server")
    return relay
