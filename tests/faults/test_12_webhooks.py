"""Guarantee 12, with whole processes: receivers that are down, slow or redirecting hold up neither jobs nor each other.

What is refused inside the network, and how deliveries are made, is told by the webhook sender's own tests.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.aws import free_port
from tests.support.bulk_documents import png_document
from tests.support.bulk_house import WEBHOOK_SECRET, BulkHouse
from tests.support.bulk_ledger import check_books
from tests.support.waiting import wait_until

SLOW_S = 3.0


class Receiver:
    """Receivers of deliveries by path."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.stop = threading.Event()
        self.healed = threading.Event()
        self.url = ""

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.seen]


@contextmanager
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if self.path == "/slow":
                state.stop.wait(SLOW_S)
            failing = self.path == "/failing" and not state.healed.is_set()
            self.send_response(307 if self.path == "/redirecting" else 500 if failing else 204)
            if self.path == "/redirecting":
                self.send_header("Location", "/redirected")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


def verify(headers: dict[str, str], body: bytes) -> None:
    """Standard Webhooks: HMAC-SHA256 of ``id.timestamp.body``."""
    key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert f"v1,{wanted}" in headers["webhook-signature"].split()
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300


def test_bad_receivers_hold_up_nobody_and_are_told_of(house: BulkHouse) -> None:
    with receiver() as at:
        urls = {
            "down": f"http://127.0.0.1:{free_port()}/down",
            "slow": f"{at.url}/slow",
            "redirecting": f"{at.url}/redirecting",
            "failing": f"{at.url}/failing",
            "good": f"{at.url}/good",
        }
        jobs = {}
        for offset, (name, url) in enumerate(urls.items()):
            jobs[name] = house.submit([png_document(1_200 + offset)], webhook_url=url)
        for submission in jobs.values():
            house.wait_done(submission.job_id)
        check_books(house, jobs.values())

        def delivery(name: str) -> dict[str, object]:
            (told,) = house.job(jobs[name].job_id)["webhooks"]
            return dict(told)

        wait_until(lambda: delivery("good")["status"] == "delivered", "the good receiver's delivery")
        wait_until(lambda: at.paths().count("/failing") >= 2, "a second attempt")
        wait_until(lambda: int(str(delivery("down")["attempts"])) >= 2, "a second attempt at who is down")
        assert delivery("down")["status"] == "pending"
        assert delivery("down")["last_error"]
        assert delivery("failing")["last_status_code"] == 500
        assert delivery("failing")["next_at"]
        wait_until(lambda: delivery("redirecting")["last_status_code"] == 307, "the redirect")
        assert "/redirected" not in at.paths()

        at.healed.set()
        wait_until(lambda: delivery("failing")["status"] == "delivered", "the healed receiver's delivery")
        wait_until(lambda: delivery("slow")["status"] == "delivered", "the slow receiver's delivery")
        ids = {headers["webhook-id"] for path, headers, _ in at.seen if path == "/failing"}
        assert len(ids) == 1, "repeats carry the same id"
        for _, headers, body in at.seen:
            verify(headers, body)
