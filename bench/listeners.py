"""Many open pages, as far as their streams go: `python -m bench.listeners PORT COUNT`, with cookies on stdin.

Prints "ready" when all are open; then, told to stop by the end of stdin, for each stream the moments at which events
came and the cursors they came with, as JSON.
"""

import asyncio
import json
import sys
import time


async def _follow(port: int, cookie: str, ready: asyncio.Event, seen: list[tuple[float, int]]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n"
    writer.write(request.encode())
    try:
        while line := await reader.readline():
            if line.startswith(b"HTTP/1.1 ") and b" 200 " not in line:
                raise RuntimeError(f"A stream was refused: {line!r}")
            if line.startswith(b"event: ready"):
                ready.set()
            elif line.startswith(b"id: ") and ready.is_set():
                seen.append((time.time(), int(line[4:])))
    finally:
        writer.close()


async def _run(port: int, count: int, cookies: list[str]) -> None:
    seen: list[list[tuple[float, int]]] = [[] for _ in range(count)]
    opened = [asyncio.Event() for _ in range(count)]
    tasks = [
        asyncio.create_task(_follow(port, cookies[number % len(cookies)], opened[number], seen[number]))
        for number in range(count)
    ]
    waiting = asyncio.gather(*(each.wait() for each in opened))
    done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for each in done:
        each.result()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.stdin.readline())))
