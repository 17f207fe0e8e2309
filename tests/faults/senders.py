"""Our own sender of hooks: it posts what a platform or a relay would, and remembers every answer."""

import base64
import hashlib
import hmac
import http.client
import json
import queue
import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

_TIMEOUT = 10.0
_THREADS = 4
RELAY_PATH = "/functions/v1/ticket-sync-webhooks"


@dataclass(frozen=True)
class Hook:
    """One hook to post. `marker` is in its body and in no other's: so it can be found in the log. It leaves `after`
    seconds from when it is taken from the pile."""

    path: str
    body: dict[str, Any]
    marker: str
    secret: str = ""
    after: float = 0.0

    def headers(self, content: bytes) -> dict[str, str]:
        """Signed as Standard Webhooks say where there is a secret; platforms themselves sign nothing."""
        sent = {"Content-Type": "application/json", "User-Agent": "Relay/1.0"}
        if self.secret:
            stamp = str(int(time.time()))
            signed = b".".join([self.marker.encode(), stamp.encode(), content])
            digest = hmac.new(self.secret.encode(), signed, hashlib.sha256).digest()
            sent |= {
                "webhook-id": self.marker,
                "webhook-timestamp": stamp,
                "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
                "x-platform": "humanitix",
            }
        return sent


def eventbrite_hook(path: str, webhook_id: str, action: str, api_path: str, after: float = 0.0) -> Hook:
    """As Eventbrite sends it, plus a field that says which one it is."""
    marker = uuid4().hex
    config = {"action": action, "user_id": "300000000001", "webhook_id": webhook_id}
    body = {"config": config, "api_url": f"https://www.eventbriteapi.com/v3/{api_path}", "marker": marker}
    return Hook(path, body, marker, after=after)


def humanitix_hook(path: str, event_id: str, order_id: str, *, secret: str = "", after: float = 0.0) -> Hook:
    """As a relay sends it."""
    marker = uuid4().hex
    body = {"type": "order.updated", "eventId": event_id, "orderId": order_id, "marker": marker}
    return Hook(path, body, marker, secret, after)


class Sender:
    """Posts hooks from some threads to one port of loopback. `answers` holds each marker's status; 0: none came."""

    def __init__(self, port: int) -> None:
        self.answers: dict[str, int] = {}
        self._port = port
        self._pile: queue.Queue[Hook | None] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._work, name=f"sender-{number}", daemon=True)
            for number in range(_THREADS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in self._threads:
            self._pile.put(None)
        for thread in self._threads:
            thread.join()

    def send(self, hook: Hook) -> None:
        """Puts it on the pile."""
        self._pile.put(hook)

    def finish(self) -> None:
        """Waits until all on the pile were posted."""
        self._pile.join()

    @property
    def acknowledged(self) -> list[str]:
        """The markers of those that were answered with 200."""
        return [marker for marker, status in self.answers.items() if status == 200]

    def statuses(self) -> Counter[int]:
        return Counter(self.answers.values())

    def _work(self) -> None:
        while (hook := self._pile.get()) is not None:
            try:
                time.sleep(hook.after)
                self.answers[hook.marker] = post(self._port, hook)
            finally:
                self._pile.task_done()
        self._pile.task_done()


def post(port: int, hook: Hook) -> int:
    """The status with which a hook was answered; 0 when no answer came."""
    content = json.dumps(hook.body).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request("POST", hook.path, content, hook.headers(content))
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return response.status
    finally:
        connection.close()
