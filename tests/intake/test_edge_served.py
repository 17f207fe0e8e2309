"""The edge as it is served: a process of its own on loopback, before the pages or alone."""

import http.client
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any, NamedTuple

import pytest

from tests.installation.support import SOURCE, run, started, wait_until
from tests.intake.edge_stage import Door, delivery, make_door

pytestmark = pytest.mark.slow
BODY = delivery()


class Site(NamedTuple):
    """A running edge."""

    port: int
    pid: int


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@contextmanager
def edge(*pages: str) -> Iterator[Site]:
    port = free_port()
    command = [sys.executable, "-m", "housecount.cli.serve", "edge", "127.0.0.1", str(port), *pages]
    with started(command, {**os.environ, "PYTHONPATH": str(SOURCE)}) as process:
        wait_until(lambda: alive(port), what="for the edge")
        yield Site(port, process.pid)


def alive(port: int) -> bool:
    with suppress(OSError, http.client.HTTPException):
        return ask(port, "/healthz", method="GET").status == 200
    return False


def ask(port: int, path: str, body: Any = None, method: str = "POST", **headers: str) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()},
            encode_chunked=headers.get("Transfer_Encoding") == "chunked",
        )  # fmt: skip
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def alone(database: str) -> Iterator[Site]:
    with edge() as site:
        yield site


def test_a_hook_travels_over_http(alone: Site) -> None:
    door = make_door()
    reply = ask(alone.port, door.path, BODY, X_Eventbrite_Event="order.placed")
    assert (reply.status, reply.body) == (200, b'{"status": "stored"}')
    assert reply.headers["access-control-allow-origin"] == "*"
    assert door.row().headers["x-eventbrite-event"] == "order.placed"
    assert ask(alone.port, f"{door.path}x", BODY).status == 404
    assert ask(alone.port, door.path, method="GET").status == 405
    assert ask(alone.port, "/readyz", method="GET").status == 200


def test_too_much_is_refused_whether_it_says_so_or_not(alone: Site) -> None:
    door = make_door()
    assert ask(alone.port, door.path, b"x" * 300_000).status == 413
    with suppress(OSError):  # it may close before it has read everything
        parts = iter([b"x" * 1000] * 300)
        assert ask(alone.port, door.path, parts, Transfer_Encoding="chunked").status == 413
    assert door.rows() == []
    chunked = ask(alone.port, door.path, iter([BODY[:10], BODY[10:]]), Transfer_Encoding="chunked")
    assert chunked.status == 200
    assert bytes(door.row().body) == BODY


def test_it_runs_without_django(database: str) -> None:
    code = (
        "import sys\nfrom housecount.cli.serve import edge_application\nedge_application()\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] == 'django'))"
    )
    done = run([sys.executable, "-c", code], {**os.environ, "PYTHONPATH": str(SOURCE)})
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_connections_are_kept_between_hooks(alone: Site) -> None:
    door = make_door()
    connection = http.client.HTTPConnection("127.0.0.1", alone.port, timeout=30)
    for _ in range(5):
        connection.request("POST", door.path, BODY)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status": "stored"}')
    connection.close()
    assert len(door.rows()) == 5


SECOND = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        # The encoding counts, as RFC 9112 (6.1) has it, and the connection is closed.
        (f"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SECOND}", 200),
        (f"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}{SECOND}", 400),
        ("Content-Length: +2\r\n\r\n{}", 400),
        ("Transfer-Encoding: xchunked\r\n\r\n{}", 400),
    ],
)
def test_nothing_is_smuggled_behind_a_request_of_two_lengths(alone: Site, head: str, status: int) -> None:
    door = make_door()
    with socket.create_connection(("127.0.0.1", alone.port), timeout=30) as connection:
        connection.sendall(f"POST {door.path} HTTP/1.1\r\nHost: a\r\n{head}".encode())
        connection.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    assert said.count(b"HTTP/1.1 ") == 1, said
    assert said.startswith(b"HTTP/1.1 %d " % status)
    assert [bytes(row.body) for row in door.rows()] == ([b""] if status == 200 else [])


def test_told_to_stop_it_answers_what_is_under_way(database: str) -> None:
    door = make_door()
    accepted: list[int] = []
    with edge() as site:

        def send(first: int) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
            with suppress(OSError, http.client.HTTPException):
                for number in range(first, first + 2000):
                    connection.request("POST", door.path, delivery(number))
                    if connection.getresponse().read() == b'{"status": "stored"}':
                        accepted.append(number)
            connection.close()

        senders = [threading.Thread(target=send, args=(first,)) for first in range(0, 16_000, 2000)]
        for sender in senders:
            sender.start()
        wait_until(lambda: len(accepted) > 200, what="for some hooks")
        os.kill(site.pid, signal.SIGTERM)
        for sender in senders:
            sender.join()
    assert 200 < len(accepted) < 16_000
    stored = [int(row.touches[0]["object_id"]) for row in door.rows()]
    assert set(accepted) <= set(stored)
    assert len(set(stored) - set(accepted)) <= len(senders), "only answers that could not be read any more"


# --- Before the pages -----------------------------------------------------------------------------------
class _Handler(BaseHTTPRequestHandler):
    """Pages that say what they were asked."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if self.path == "/streamed":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"one", b"two"):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
            return
        if self.path == "/broken":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.wfile.flush()
            self.close_connection = True
            return
        told = "\n".join(f"{name.lower()}: {value}" for name, value in self.headers.items())
        said = f"{self.command} {self.path}\n{told}\n\n".encode() + body
        self.send_response(302 if self.path == "/elsewhere" else 200)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("Content-Encoding", "gzip" if self.path == "/packed" else "identity")
        self.send_header("Location", "/there")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Connection", "X-Private")
        self.send_header("X-Private", "1")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return "edge"


class _UnixServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, _ = super().get_request()
        return connection, ("edge", 0)


class _TcpServer(ThreadingMixIn, HTTPServer):
    daemon_threads = True


@contextmanager
def running(make: Callable[[], Any]) -> Iterator[Any]:
    server = make()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def before_pages(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    path = tmp_path_factory.mktemp("e") / "p.sock"
    with running(lambda: _UnixServer(str(path), _Handler)), edge(f"unix:{path}") as site:
        yield site


def test_a_request_reaches_the_pages_as_it_was_sent(before_pages: Site) -> None:
    reply = ask(
        before_pages.port, "/a%2Fb//c%20d?q=%C3%A9&q=2", b"x=1", Host="tickets.example.org",
        Cookie="a=1; b=2", X_Forwarded_For="192.0.2.7", X_Forwarded_Proto="https", Connection="keep-alive, X-Own",
        X_Own="1", TE="trailers", Content_Type="application/x-www-form-urlencoded",
    )  # fmt: skip
    head, _, body = reply.body.decode().partition("\n\n")
    first, *told = head.splitlines()
    headers = dict(line.split(": ", 1) for line in told)
    assert first == "POST /a%2Fb//c%20d?q=%C3%A9&q=2"
    assert body == "x=1"
    assert headers["host"] == "tickets.example.org"
    assert headers["cookie"] == "a=1; b=2"
    assert headers["x-forwarded-for"] == "192.0.2.7, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert headers["content-length"] == "3"
    assert not {"x-own", "te", "user-agent", "accept"} & set(headers)
    assert reply.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert reply.headers["x-private"] is None
    plain = ask(before_pages.port, "/", method="GET").body.decode()
    assert "x-forwarded-for: 127.0.0.1\n" in plain
    assert "x-forwarded-proto: http\n" in plain


def test_a_header_that_pretends_to_be_another_does_not_pass(before_pages: Site) -> None:
    with socket.create_connection(("127.0.0.1", before_pages.port), timeout=30) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 192.0.2.9\r\nConnection: close\r\n\r\n"
        )
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"200 OK" in said
    assert b"192.0.2.9" not in said


def test_a_length_beside_an_encoding_does_not_reach_the_pages(before_pages: Site) -> None:
    with socket.create_connection(("127.0.0.1", before_pages.port), timeout=30) as connection:
        connection.sendall(
            b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n0\r\n\r\n"
        )
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"200 OK" in said
    assert said.endswith(b"abc")


def test_answers_come_back_as_they_are(before_pages: Site) -> None:
    port = before_pages.port
    assert (ask(port, "/elsewhere", method="GET").status, ask(port, "/streamed", method="GET").body) == (
        302,
        b"onetwo",
    )
    packed = ask(port, "/packed", method="GET")
    assert (packed.headers["content-encoding"], packed.body[:4]) == ("gzip", b"GET ")
    assert (ask(port, "/", method="HEAD").body, ask(port, "/x", method="DELETE").body[:6]) == (b"", b"DELETE")
    large = os.urandom(3_000_000)
    assert ask(port, "/upload", large).body.endswith(large)
    assert ask(port, "/upload", iter([large]), Transfer_Encoding="chunked").body.endswith(large)
    with pytest.raises((http.client.IncompleteRead, OSError)):
        ask(port, "/broken", method="GET")


def test_the_edge_answers_for_itself_while_the_pages_are_away(database: str, tmp_path: Path) -> None:
    door: Door = make_door()
    with edge(f"http://127.0.0.1:{free_port()}") as site:
        page = ask(site.port, "/shows/", method="GET")
        assert (page.status, page.headers["retry-after"]) == (503, "5")
        assert page.headers["content-type"].startswith("text/html")
        assert b"One moment" in page.body
        document = ask(site.port, "/api/v1/sales", method="GET")
        assert (document.status, document.headers["content-type"]) == (503, "application/json")
        assert ask(site.port, "/healthz", method="GET").status == 200
        assert ask(site.port, door.path, BODY).status == 200
    door.row()


def test_pages_may_also_be_at_a_port(database: str) -> None:
    with (
        running(lambda: _TcpServer(("127.0.0.1", 0), _Handler)) as server,
        edge(f"http://127.0.0.1:{server.server_address[1]}") as site,
    ):
        assert ask(site.port, "/there", method="GET").body.startswith(b"GET /there\n")


def test_killed_it_is_there_again_and_has_lost_nothing_it_acknowledged(database: str) -> None:
    door = make_door()
    with edge() as site:
        assert ask(site.port, door.path, delivery(1)).status == 200
        (worker,) = children(site.pid)
        os.kill(worker, signal.SIGKILL)
        wait_until(
            lambda: alive(site.port) and children(site.pid) != [worker], what="for the edge to come back"
        )
        assert ask(site.port, door.path, delivery(2)).status == 200
    assert [row.touches[0]["object_id"] for row in door.rows()] == ["1", "2"]


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = entry.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry.parent.name))
    return found
