"""The control API of a running sandbox, below `/_sandbox/` on either server."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from housecount_sandbox.clock import HandClock, MachineClock
from housecount_sandbox.eventbrite.hooks import Hooks
from housecount_sandbox.exchange import Answer, json_answer
from housecount_sandbox.faults import BadFault
from housecount_sandbox.happenings import BadHappening, do
from housecount_sandbox.limits import Limits
from housecount_sandbox.xero.hooks import XeroHooks
from housecount_sandbox.xero.routes import XeroApi

if TYPE_CHECKING:
    from housecount_sandbox.server import PlatformServer


def respond(server: PlatformServer, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
    """Answer one control request; errors say what was wrong as `{"error": ...}`."""
    what = path.removeprefix("/_sandbox/").strip("/")
    try:
        sent = msgspec.json.decode(body) if body else None
        if (method, what) == ("GET", "xero"):
            return Answer(200, XeroApi(server.world).encoded())
        return json_answer(_respond(server, method, what, query, sent))
    except (BadFault, BadHappening, msgspec.DecodeError, ValueError) as error:
        return json_answer({"error": str(error)}, 400)
    except LookupError:
        return json_answer({"error": f"no {method} /_sandbox/{what}"}, 404)


def _limit(limits: Limits, sent: Any) -> Limits:
    """Change the fields that are named; ValueError, changing nothing, when one of them cannot be."""
    if not isinstance(sent, dict):
        raise BadHappening("send an object with the limits to change")
    now = asdict(limits)
    if unknown := set(sent) - set(now):
        raise BadHappening(f"there is no limit {', '.join(sorted(unknown))}")
    wanted = msgspec.convert({**now, **sent}, Limits)
    if any(isinstance(value, int | float) and value < 0 for value in asdict(wanted).values()):
        raise BadHappening("a limit is not below zero")
    for name, value in asdict(wanted).items():
        setattr(limits, name, value)
    return limits


def _respond(server: PlatformServer, method: str, what: str, query: dict[str, str], sent: Any) -> Any:
    world = server.world
    match (method, what):
        case ("GET", "truth"):
            first, reads = query.get("first_read"), query.get("reads")
            return world.truth_document(
                first_read=int(first) if first else None,
                reads=[int(each) for each in reads.split(",")] if reads else None,
            )
        case ("GET", "faults"):
            return [fault.as_dict() for fault in server.faults.active]
        case ("POST", "faults"):
            if not isinstance(sent, list):
                raise BadFault("send a list of faults; an empty one clears them")
            server.faults.set(sent)
            return [fault.as_dict() for fault in server.faults.active]
        case ("GET", "requests"):
            return {
                "platform": server.name,
                "total": server.requests.total(),
                "paths": dict(server.requests),
                "statuses": {str(status): count for status, count in server.statuses.items()},
            }
        case ("DELETE", "requests"):
            server.requests.clear()
            server.statuses.clear()
            return {}
        case ("GET", "clock"):
            return {"now": world.stage.clock(), "revision": world.revision}
        case ("POST", "clock"):
            if not isinstance(world.stage.clock, HandClock | MachineClock):
                raise BadHappening("this sandbox runs on a clock of somebody else's")
            world.stage.clock.advance(seconds=float(sent["advance_seconds"]))
            return {"now": world.stage.clock(), "revision": world.revision}
        case ("POST", "happenings"):
            items = sent if isinstance(sent, list) else [sent]
            return [do(world, item) for item in items]
        case ("POST", "advance"):
            count = sent.get("happenings", 1) if isinstance(sent, dict) else 1
            return world.trickle.advance(int(count))
        case ("GET", "trickle"):
            return {"per_minute": world.trickle.per_minute}
        case ("POST", "trickle"):
            world.trickle.per_minute = float(sent["per_minute"])
            return {"per_minute": world.trickle.per_minute}
        case ("GET", "limits"):
            return asdict(world.limits)
        case ("POST", "limits"):
            return asdict(_limit(world.limits, sent))
        case ("GET", "deliveries"):
            return [delivery.as_dict() for delivery in server.hooks.log]
        case ("POST", "ping"):
            if not isinstance(server.hooks, Hooks):
                raise BadHappening("Xero's hooks have no test: ask for its intent")
            server.hooks.ping(str(sent["webhook"]))
            return {}
        case ("POST", "intent"):
            if not isinstance(server.hooks, XeroHooks):
                raise BadHappening("the intent to receive is Xero's: ask on its port")
            wanted = sent.get("app", "web") if isinstance(sent, dict) else "web"
            server.hooks.intend(next(app for app in world.xero.apps if wanted in (app.client_id, app.kind)))
            return {}
        case ("GET", "credentials"):
            return world.credentials()
    raise LookupError
