"""A browser's EventSource against the simple chat interface: it reconnects by itself, reads on where it was, and never starts a second
answer (relay contract, section 12 and acceptance 15). The client below follows the HTML standard's rules for it."""
import http.client, json, os, threading, time, urllib.parse

import pytest

import far_side
from prepared import Prepared, until


class EventSource:
    """One connection at a time; `events` grows until the server says 204 or refuses."""

    def __init__(self, url, drop_after=()):
        self.url, self.drop_after = urllib.parse.urlsplit(url), list(drop_after)
        self.events, self.statuses, self.last_id, self.retry_ms, self.headers = [], [], "", None, []

    def connect(self):
        """One connection to its end. The number of events after which it breaks comes from `drop_after`. False when it is not to be repeated."""
        drop = self.drop_after.pop(0) if self.drop_after else None
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=30)
        try:
            fields = {"accept": "text/event-stream", "cache-control": "no-cache"} | ({"last-event-id": self.last_id} if self.last_id else {})
            connection.request("GET", f"{self.url.path}?{self.url.query}", headers=fields)
            reply = connection.getresponse()
            self.statuses.append(reply.status)
            self.headers.append({name.lower(): value for name, value in reply.getheaders()})
            if reply.status != 200:
                reply.read()
                return False
            assert reply.getheader("content-type").startswith("text/event-stream")
            data, seen = [], 0
            for raw in reply:
                line = raw.decode().rstrip("\n").rstrip("\r")
                if not line:
                    if data:
                        self.events.append((self.last_id, json.loads("\n".join(data))))
                        seen += 1
                    data = []
                    if drop is not None and seen >= drop:
                        return True
                elif line.startswith("id:"):
                    self.last_id = line[3:].lstrip(" ")
                elif line.startswith("retry:"):
                    self.retry_ms = int(line[6:])
                elif line.startswith("data:"):
                    data.append(line[5:].removeprefix(" "))
                else:
                    assert line.startswith(":"), f"an EventSource's onmessage does not see {line!r}"
            return True
        except (http.client.IncompleteRead, ConnectionError):
            return True
        finally:
            connection.close()

    def run(self, connections=20):
        for _ in range(connections):
            if not self.connect():
                return self
        raise AssertionError(f"it reconnects for ever: {self.statuses}")

    def text(self):
        return "".join(event["text"] for _, event in self.events if event["type"] == "delta")


@pytest.fixture(scope="module")
def standing(fake_session):
    if os.environ.get("RELAY_DIRECT") == "1":
        pytest.skip("RELAY_DIRECT=1: these tests need the server")
    with Prepared(fake_session) as own:
        yield own


@pytest.fixture
def chat(standing, fake):
    """Nothing of the test before is still under way or on its way to the ledger."""
    standing.quiet()
    return standing


def ask(chat, path, body=None, method=None, **headers):
    status, _, text = far_side.call(chat.url + path, body, {"content-type": "application/json", **headers}, method)
    return status, json.loads(text) if text else None


def address(chat, **query):
    return f"{chat.url}/api/chat/stream?" + urllib.parse.urlencode({"message": "Grüezi, 世界?", **query})


def generations(fake):
    return len([request for request in fake.requests(far_side.RELAY_ACCOUNT) if request["path"] == "/v1/messages"])


def check(source, chat, fake, connections):
    """Every event once and in order, one answer made, and the last word is 204."""
    assert source.statuses == [200] * connections + [204], source.statuses
    kinds = [event["type"] for _, event in source.events]
    assert kinds[0] == "start" and kinds[-1] == "done" and set(kinds[1:-1]) == {"delta"} and source.retry_ms == 3000
    run = source.events[0][1]["id"]
    ids = [id for id, _ in source.events]
    numbers = [int(id.rpartition(":")[2]) for id in ids]
    assert all(id.startswith(run + ":") for id in ids) and numbers == sorted(set(numbers)), ids
    assert source.text() == source.events[-1][1]["text"] != ""
    assert generations(fake) == 1
    assert all(fields["cache-control"] == "no-store" and fields["referrer-policy"] == "no-referrer" for fields in source.headers)


@pytest.mark.parametrize("drops", [(), (1,), (2,), (1, 1, 1), (5, 2, 1)], ids=str)
def test_it_reads_on_where_it_was(chat, fake, drops):
    fake.script(far_side.RELAY_ACCOUNT, "len=30|rate=40")
    before = len(chat.ledger())
    source = EventSource(address(chat, apiKey=chat.key), drops).run()
    check(source, chat, fake, len(drops) + 1)
    rows = chat.settled(before + 1)[before:]
    usage = source.events[-1][1]["usage"]
    assert len(rows) == 1 and rows[0]["output_tokens"] == usage["output_tokens"] and rows[0]["input_tokens"] == usage["input_tokens"]
    assert float(usage["cost_usd"]) * 1_000_000 == pytest.approx(rows[0]["price_micro_usd"])


def test_a_break_of_seconds_in_the_middle_loses_nothing(chat, fake):
    fake.script(far_side.RELAY_ACCOUNT, "hang-after=content_block_delta#3:2500")
    source = EventSource(address(chat, apiKey=chat.key), [2])
    assert source.connect()
    # The answer goes on while nobody reads.
    until(lambda: fake.requests(far_side.RELAY_ACCOUNT, finished=1)[0]["finished_ns"])
    check(source.run(), chat, fake, 2)


def test_two_readers_of_one_answer_hear_the_same(chat, fake):
    fake.script(far_side.RELAY_ACCOUNT, "len=30|rate=40")
    first = EventSource(address(chat, apiKey=chat.key), [2])
    first.connect()
    second = EventSource(address(chat, apiKey=chat.key))
    second.last_id, second.events = first.last_id, list(first.events)
    threads = [threading.Thread(target=source.run) for source in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert first.text() == second.text() == first.events[-1][1]["text"] and generations(fake) == 1


def test_after_done_there_is_nothing_and_for_strangers_neither(chat, fake):
    source = EventSource(address(chat, apiKey=chat.key)).run()
    other = chat.create_key("stranger")
    until(lambda: ask(chat, "/api/conversations", **{"x-api-key": other})[0] == 200)
    for key, last in [(chat.key, source.last_id), (chat.key, "r_" + "0" * 32 + ":3"), (other, source.events[0][0])]:
        again = EventSource(address(chat, apiKey=key))
        again.last_id = last
        again.run()
        assert again.statuses == [204] and again.events == []
    assert generations(fake) == 1


def test_a_ticket_opens_one_answer_and_is_read_again_with_it(chat, fake):
    fake.script(far_side.RELAY_ACCOUNT, "len=30|rate=40")
    status, made = ask(chat, "/api/chat/tickets", {}, **{"x-api-key": chat.key})
    assert status == 200 and made["ticket"].startswith("t_") and made["expires_in"] == 60
    source = EventSource(address(chat, ticket=made["ticket"]), [3, 2]).run()
    check(source, chat, fake, 3)
    # The same ticket with another question reads the old answer; it begins none.
    again = EventSource(address(chat, ticket=made["ticket"], message="Something else"))
    again.connect()
    assert again.text() == source.text() and generations(fake) == 1
    stranger = EventSource(address(chat, ticket="t_" + "0" * 48)).run()
    assert stranger.statuses == [401]
    assert ask(chat, "/api/chat/tickets", {})[0] == 401


def test_an_upstream_fault_is_an_error_event_and_no_second_try(chat, fake):
    fake.script(far_side.RELAY_ACCOUNT, "cut-after=content_block_delta#2")
    source = EventSource(address(chat, apiKey=chat.key)).run()
    assert source.statuses == [200, 204] and source.events[-1][1]["type"] == "error" and source.events[-1][1]["retryable"] is True
    assert source.events[-1][1]["code"] and source.events[-1][1]["message"] and generations(fake) == 1


def test_a_reader_that_stays_away_ends_the_answer_after_ten_seconds(chat, fake):
    fake.script(far_side.RELAY_ACCOUNT, "hang-after=content_block_delta#2:60000")
    before = len(chat.ledger())
    source = EventSource(address(chat, apiKey=chat.key), [2])
    source.connect()
    left = time.monotonic_ns()
    record = until(lambda: (found := fake.requests(far_side.RELAY_ACCOUNT)) and found[0]["closed_early"] and found[0], seconds=40)
    assert record["closed_ns"] - left > 9_000_000_000
    rows = chat.settled(before + 1)[before:]
    assert len(rows) == 1 and rows[0]["usage_source"] == "snapshot"
    assert source.run().statuses[-1] == 204 and generations(fake) == 1


def test_the_key_in_the_address_is_in_no_log(chat, fake):
    EventSource(address(chat, apiKey=chat.key)).run()
    assert "/api/chat/stream" in chat.printed() and chat.key not in chat.printed()
    logs = [path for path in chat.folder.rglob("*") if path.is_file() and path.suffix in (".log", ".jsonl")]
    assert all(chat.key.encode() not in path.read_bytes() for path in logs)
