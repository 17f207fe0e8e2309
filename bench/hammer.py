"""Sends the same request over and over, on connections that are kept open; each connection waits for its answer.

`python -m bench.hammer PORT CONNECTIONS SECONDS` reads the raw request from stdin and prints JSON: how many were
answered with 200, how many were not, and each answer's latency in microseconds.
"""

import asyncio
import json
import sys
import time
from array import array


class _Connection(asyncio.Protocol):
    """One request after the other until the time is up."""

    def __init__(self, request: bytes, until: float) -> None:
        self.request, self.until = request, until
        self.latencies = array("I")
        self.bad = 0
        self.ended = asyncio.get_running_loop().create_future()
        self.received = b""
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.sent_at = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if self.received:
            data = self.received + data
        head = data.find(b"\r\n\r\n")
        at = data.find(b"content-length: ")
        if head < 0 or len(data) < head + 4 + int(data[at + 16 : data.find(b"\r", at)]):
            self.received = data
            return
        self.received = b""
        now = time.perf_counter()
        if data.startswith(b"HTTP/1.1 200 "):
            self.latencies.append(int((now - self.sent_at) * 1e6))
        else:
            self.bad += 1
        if now < self.until:
            self._send()
        else:
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        self.ended.set_result(None)


async def _hammer(port: int, connections: int, seconds: float, request: bytes) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    made = [
        (await loop.create_connection(lambda: _Connection(request, started + seconds), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(each.ended for each in made))
    return {
        "seconds": time.perf_counter() - started,
        "bad": sum(each.bad for each in made),
        "latencies": [latency for each in made for latency in each.latencies],
    }


if __name__ == "__main__":
    port, connections, seconds = sys.argv[1:]
    found = asyncio.run(_hammer(int(port), int(connections), float(seconds), sys.stdin.buffer.read()))
    json.dump(found, sys.stdout)
