/* Live pages.

   An element that shows something live says of what, and where it is to be had anew:

     <section id="x" data-live="show:ID listing:ID" hx-get="..." hx-trigger="housecount:live" hx-select="#x" hx-swap="outerMorph">

   `data-live` holds `kind:id`, or `kind` for anything of the kind, or `*`. When it changed, the element is asked for
   anew: at once, then at most once a second, and more seldom where the server takes long. In a tab that nobody looks
   at, it is asked for when somebody looks again. The text of `[data-live-say]` within it is read out when it changed.
   `<time datetime data-age>` that ends in "5 min ago" goes on counting.

   What changed comes as server-sent events, after the cursor at which the page was made. A browser opens few
   connections to a host, so that one tab follows for all: whoever holds a lock, which goes to the next when a tab is
   closed. `document.documentElement.dataset.live` is "on", "off" or "offline". */
(() => {
  "use strict";

  const html = document.documentElement;
  const state = document.getElementById("live-state");
  const says = document.getElementById("live-says");
  if (!state || !window.EventSource) return;

  const NAMES = ["ready", "changes", "reset", "away", "beat"];
  const EVERY = 1000; // between two requests of one element, at least
  const SHARE = 4; // ... and so many times as long as the last one took
  const ANYWAY = 30000; // ages and states come true by the clock, without any change
  const SILENCE = 40000; // the server beats every 15 s
  const KEPT = 200; // changes kept for tabs that are just being opened
  const now = () => performance.now();

  // --- What is shown ------------------------------------------------------------------------------------------
  const asked = new WeakMap(); // element: { next, began, timer, dirty, said }

  function record(element) {
    if (!asked.has(element)) asked.set(element, { next: 0, began: 0, timer: 0, dirty: false, said: [] });
    return asked.get(element);
  }

  const sayings = (element) => [...element.querySelectorAll("[data-live-say]")].map((each) => each.textContent.trim());

  function stir(element) {
    const own = record(element);
    own.dirty = true;
    if (document.hidden || own.timer) return;
    own.timer = setTimeout(() => {
      own.timer = 0;
      if (!element.isConnected || document.hidden) return;
      own.dirty = false;
      own.began = now();
      own.next = own.began + EVERY;
      own.said = sayings(element);
      element.dispatchEvent(new CustomEvent("housecount:live"));
    }, Math.max(0, own.next - now()));
  }

  const live = () => document.querySelectorAll("[data-live]");
  const all = () => live().forEach(stir);

  function about(element, changes) {
    const wanted = element.dataset.live.split(/\s+/);
    return wanted.includes("*") || changes.some(({ kind, id }) =>
      wanted.includes(kind) || wanted.some((each) => (id ? each === `${kind}:${id}` : each.startsWith(`${kind}:`))));
  }

  const changed = (changes) => live().forEach((element) => { if (about(element, changes)) stir(element); });

  // An answer that is not what was asked for must not take the place of what is shown.
  const ours = ({ detail }) => detail?.ctx?.sourceEvent?.type === "housecount:live" ? detail.ctx : null;
  document.addEventListener("htmx:before:response", (event) => {
    const ctx = ours(event);
    if (!ctx) return;
    if (ctx.hx?.redirect || ctx.response.status === 401) signedOut(); // not led away from what they are reading
    if (ctx.hx?.redirect || ctx.response.status >= 400) event.preventDefault();
  });
  document.addEventListener("htmx:after:request", (event) => {
    const ctx = ours(event);
    if (ctx && !ctx.text.includes(`id="${ctx.sourceElement.id}"`)) event.preventDefault();
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const ctx = ours(event);
    if (!ctx) return;
    const own = record(ctx.sourceElement);
    own.next = Math.max(own.next, now() + SHARE * (now() - own.began));
  });
  document.addEventListener("htmx:after:swap", (event) => {
    const ctx = ours(event);
    if (!ctx) return;
    const own = record(ctx.sourceElement);
    const fresh = sayings(ctx.sourceElement).filter((text, place) => text && text !== own.said[place]);
    if (fresh.length) say(fresh.join(" "));
    age();
  });
  // What somebody opened stays open, whatever the server thinks of it.
  window.htmx?.registerExtension("housecount-live", {
    htmx_before_morph_attr: (element, { attrName }) => !(attrName === "open" && element.matches("details, dialog")),
  });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    age();
    live().forEach((element) => { if (record(element).dirty) stir(element); });
  });
  setInterval(() => { if (html.dataset.live === "on") all(); }, ANYWAY);

  // One thing at a time, and not more than a listener can bear: of what comes meanwhile, the latest.
  let quiet = 0, next = null;
  function say(text) {
    if (!says) return;
    if (next !== null || now() < quiet) {
      if (next === null) setTimeout(() => { const told = next; next = null; quiet = 0; say(told); }, quiet - now());
      next = text;
      return;
    }
    quiet = now() + 10000;
    says.textContent = text;
  }

  // --- Ages ---------------------------------------------------------------------------------------------------
  let skew = 0; // of this computer's clock, which nobody may have set
  function ago(seconds) {
    if (seconds < 60) return "just now";
    const minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60);
    if (minutes < 60) return `${minutes} min ago`;
    return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} days ago`;
  }
  function age() {
    for (const each of document.querySelectorAll("time[data-age]")) {
      const moment = Date.parse(each.dateTime), text = each.textContent;
      const fresh = text.replace(/(just now|\d+ (?:min|h|days) ago)(\s*)$/, (_, words, rest) =>
        Number.isNaN(moment) ? words + rest : ago((Date.now() + skew - moment) / 1000) + rest);
      if (fresh !== text) each.textContent = fresh;
    }
  }
  setInterval(age, 15000);

  // --- The state, in words ------------------------------------------------------------------------------------
  let since = null, out = false, warning = 0;
  const clock = (moment) => new Intl.DateTimeFormat(html.lang, { hour: "numeric", minute: "2-digit" }).format(moment);

  function show(kind, from = null) {
    if (html.dataset.live === kind && kind === "on") return;
    since = kind === "on" ? null : from ?? since ?? Date.now();
    html.dataset.live = kind;
    const words = {
      on: () => "Live",
      off: () => out ? "Not live: you are signed out" : `Not live since ${clock(since)}, trying again`,
      offline: () => `Offline since ${clock(since)}`,
    }[kind]();
    if (state.textContent !== words) state.textContent = words;
    // What lasts a moment only is not worth an interruption.
    clearTimeout(warning);
    if (kind !== "on") warning = setTimeout(() => say(words), 5000);
  }

  function signedOut() {
    out = true;
    close();
    clearTimeout(retrying);
    show("off");
  }

  // --- The stream ---------------------------------------------------------------------------------------------
  let cursor = document.body.dataset.cursor ? Number(document.body.dataset.cursor) : null;
  let source = null, tries = 0, retrying = 0, dog = 0, interrupted = false;
  let log = [], begun = cursor; // the changes since `begun`, for tabs that are just being opened

  function close() {
    source?.close();
    source = null;
    clearTimeout(dog);
  }

  function watch() {
    clearTimeout(dog);
    dog = setTimeout(lost, SILENCE);
  }

  function open() {
    clearTimeout(retrying);
    if (source || out) return;
    if (navigator.onLine === false) { tell("offline"); return; }
    source = new EventSource(cursor === null ? "/events" : `/events?cursor=${cursor}`);
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        watch();
        tell(name, JSON.parse(event.data));
      });
    }
    source.onerror = lost;
    watch();
  }

  function lost() {
    close();
    tell(navigator.onLine === false ? "offline" : "lost");
    clearTimeout(retrying);
    // Everybody lost it at the same moment; they need not all come back at the same moment.
    retrying = setTimeout(again, Math.min(30000, 1000 * 2 ** tries++) * (0.5 + Math.random() / 2));
  }

  async function again() {
    if (!following()) return;
    let status = 0;
    try {
      status = (await fetch("/live/who", { cache: "no-store" })).status;
    } catch { /* not to be reached */ }
    if (status === 401 || status === 403) { signedOut(); post({ out: true }); return; }
    if (status) open(); else lost();
  }

  window.addEventListener("online", () => { tries = 0; if (following()) { close(); open(); } });
  window.addEventListener("offline", () => { close(); clearTimeout(retrying); show("offline"); });

  // What happened, here and in the tabs that we follow for.
  function tell(name, data = {}) {
    post({ name, data });
    hear(name, data);
  }

  function hear(name, data) {
    if (data.now) skew = Date.parse(data.now) - Date.now();
    if (name === "ready") {
      tries = 0;
      show("on");
      // Without a cursor nobody can say what was missed.
      if (cursor === null && interrupted) all();
      interrupted = false;
      cursor ??= data.cursor ?? null;
      begun ??= cursor;
    } else if (name === "changes") {
      if (data.cursor !== undefined) {
        if (cursor !== null && data.cursor <= cursor) return;
        cursor = data.cursor;
        log.push(data);
        if (log.length > KEPT) begun = log.shift().cursor;
      }
      changed(data.changes);
    } else if (name === "reset") {
      cursor = begun = data.cursor ?? null;
      log = [];
      all();
    } else if (name === "away" || name === "lost" || name === "offline") {
      interrupted = true;
      show(name === "offline" ? "offline" : "off");
    }
  }

  // --- One tab for all ----------------------------------------------------------------------------------------
  const channel = window.BroadcastChannel && navigator.locks ? new BroadcastChannel("housecount-live") : null;
  const me = `${Date.now()}-${Math.random()}`;
  let leading = channel === null, alone = false, silent = 0;
  const following = () => leading || alone;
  const post = (message) => { if (leading) channel?.postMessage(message); };

  // A tab that hears nothing from who follows for it, follows by itself.
  function listen(patience = SILENCE) {
    clearTimeout(silent);
    silent = setTimeout(() => { if (!leading) { alone = true; open(); } }, patience);
  }

  function welcome({ from, at }) {
    const known = begun !== null && at !== null && at >= begun;
    const missed = known ? log.filter((each) => each.cursor > at).flatMap((each) => each.changes) : null;
    post({ to: from, kind: html.dataset.live ?? null, since, cursor, missed, skew });
  }

  function lead() {
    leading = true;
    alone = false;
    clearTimeout(silent);
    log = [];
    begun = cursor;
    if (!source) open();
    return new Promise((done) => window.addEventListener("pagehide", done, { once: true }));
  }

  if (channel) {
    channel.onmessage = ({ data }) => {
      if (leading) {
        if (data.from) welcome(data);
        return;
      }
      if (data.from || (data.to && data.to !== me)) return;
      if (alone) { alone = false; close(); clearTimeout(retrying); }
      listen();
      if (data.out) signedOut();
      else if (data.name) hear(data.name, data.data);
      else {
        if (data.kind) show(data.kind, data.since);
        skew = data.skew;
        if (data.cursor !== null) cursor = data.cursor;
        if (data.missed) changed(data.missed); else all();
      }
    };
  }

  function start() {
    if (!channel) { open(); return; }
    leading = false;
    navigator.locks.request("housecount-live", lead);
    channel.postMessage({ from: me, at: cursor });
    listen(4000);
  }

  // A page that is left gives its place to another; one that comes back from the history begins anew.
  window.addEventListener("pagehide", () => { close(); clearTimeout(retrying); clearTimeout(silent); });
  window.addEventListener("pageshow", ({ persisted }) => { if (persisted) { all(); start(); } });
  state.hidden = false;
  start();
  age();
})();
