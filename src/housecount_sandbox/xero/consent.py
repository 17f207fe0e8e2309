"""The page on which a person lets an application in: which organisations, for what, yes or no."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from housecount_sandbox.exchange import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from housecount_sandbox.xero.books import Xero
    from housecount_sandbox.xero.model import App

_STYLE = """
:root { color-scheme: light dark; --ground: #eef3f6; --card: #fff; --ink: #10222e; --soft: #51626e; --line: #d3dde3;
  --mark: #0b6a8f; --on: #fff; }
@media (prefers-color-scheme: dark) { :root { --ground: #0f171c; --card: #18232a; --ink: #e8eff3; --soft: #a3b3bd;
  --line: #2d3c46; --mark: #7cc7e6; --on: #06202b; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem; font: 1rem/1.5 system-ui, sans-serif; background: var(--ground);
  color: var(--ink); }
main { max-width: 30rem; margin: 0 auto; padding: clamp(1.25rem, 5vw, 2rem); background: var(--card);
  border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.25; }
p, ul { margin: .5rem 0; } ul { padding-left: 1.2rem; }
fieldset { margin: 1.25rem 0; padding: 0; border: 0; } legend { padding: 0; font-weight: 600; }
label { display: flex; gap: .6rem; align-items: baseline; margin-top: .4rem; padding: .7rem .8rem; min-height: 2.75rem;
  border: 1px solid var(--line); border-radius: .5rem; }
details { margin-bottom: 1.25rem; } summary { cursor: pointer; }
.soft { color: var(--soft); font-size: .9rem; } .pair { display: flex; flex-wrap: wrap; gap: .75rem; }
code { overflow-wrap: anywhere; }
button { min-height: 2.75rem; padding: .5rem 1.25rem; font: inherit; font-weight: 600; border-radius: .5rem;
  border: 1px solid var(--mark); background: var(--mark); color: var(--on); cursor: pointer; }
button.no { background: none; color: var(--mark); }
:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px; }
"""


def page(xero: Xero, app: App, query: Mapping[str, str]) -> Answer:
    """What `app` asks for, and every organisation to tick; the form brings all of `query` back with the answer."""
    kept = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in query.items()
    )
    rows = "".join(
        f'<label><input type="checkbox" name="{escape(each.id)}" value="yes"'
        f"{' checked' if each in xero.ticked else ''}>"
        f'<span>{escape(each.name)}<br><span class="soft">{each.country}, {each.currency}</span></span></label>'
        for each in xero.tenants
    )
    scopes = "".join(f"<li><code>{escape(each)}</code></li>" for each in query.get("scope", "").split())
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<link rel="icon" href="data:,">'
        f"<title>Let {escape(app.name)} in?</title><style>{_STYLE}</style><main>"
        f"<h1>{escape(app.name)} wants to use your books</h1>"
        "<p class=\"soft\">This is the sandbox's stand-in for Xero's page of consent. Nothing here is anybody's.</p>"
        f'<form method="get" action="/identity/connect/authorize">{kept}'
        f"<fieldset><legend>Organisations it may use</legend>{rows}</fieldset>"
        f"<details><summary>What it asks for</summary><ul>{scopes}</ul></details>"
        '<p class="pair"><button name="answer" value="yes">Allow access</button>'
        '<button class="no" name="answer" value="no">Cancel</button></p></form></main></html>'
    )
    return Answer(200, text.encode(), content_type="text/html")
