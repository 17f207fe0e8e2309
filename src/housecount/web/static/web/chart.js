/* Charts: <div class="chart" data-chart="ID"></div> draws what <script type="application/json" id="ID"> holds.

   {"kind": "time" | "number",            what x is; time is in seconds since 1970
    "x": [...], "zone": "Etc/UTC",        the zone whose calendar the axis shows; days are midnights of UTC
    "series": [{"label", "slot", "values": [...], "dashed": true}],    slot: a platform's number, or "accent", "soft"
    "stacked": true, "steps": true, "bars": true, "area": true,
    "currency": "AUD", "decimals": 2,     values are minor units; or "percent": true
    "level": {"value", "label"},          a line across, such as the capacity
    "marks": [{"x", "label", "kind"}],    lines down: kind price, sale, refund or show
    "x_label": "days to go", "reversed": true,     the greatest x on the left
    "height": 260}

   What stands in the holder is shown until the chart is drawn, and without JavaScript; the table beside it is what a
   screen reader reads. Redrawn when its data, its size or the theme changes. */
(() => {
  "use strict";
  const drawn = new Map();
  const dark = matchMedia("(prefers-color-scheme: dark)");

  function colour(name) {
    const variable = name === "accent" || name === "soft" ? `--${name}` : `--p${name}`;
    return getComputedStyle(document.documentElement).getPropertyValue(variable).trim() || "gray";
  }

  function faint(colour, percent) {
    return `color-mix(in srgb, ${colour} ${percent}%, transparent)`;
  }

  function writer(data) {
    if (data.currency) {
      const decimals = data.decimals ?? 2;
      // Britain's English marks every dollar by its country, as all amounts here do: A$, NZ$, US$.
      const money = new Intl.NumberFormat("en-GB", { style: "currency", currency: data.currency, minimumFractionDigits: decimals, maximumFractionDigits: decimals });
      const short = new Intl.NumberFormat("en-GB", { style: "currency", currency: data.currency, notation: "compact", maximumFractionDigits: 1 });
      return { full: (v) => money.format(v / 10 ** decimals), short: (v) => short.format(v / 10 ** decimals) };
    }
    const number = new Intl.NumberFormat("en-AU", { maximumFractionDigits: 1 });
    const compact = new Intl.NumberFormat("en-AU", { notation: "compact", maximumFractionDigits: 1 });
    const end = data.percent ? " %" : "";
    return { full: (v) => number.format(v) + end, short: (v) => compact.format(v) + end };
  }

  function moments(data) {
    const zone = data.zone || "Etc/UTC";
    const say = (options) => new Intl.DateTimeFormat("en-AU", { timeZone: zone, ...options });
    const day = say({ day: "numeric", month: "short" });
    const month = say({ month: "short", year: "numeric" });
    const clock = say({ hour: "numeric", minute: "2-digit" });
    const whole = say({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
    return {
      axis: (at, step) => (step >= 86400 * 28 ? month : step >= 86400 ? day : clock).format(at * 1000),
      full: (at) => whole.format(at * 1000),
    };
  }

  function sums(series) {
    const below = [];
    return series.map((each) => each.values.map((value, at) => (value === null ? null : (below[at] = (below[at] || 0) + value))));
  }

  function draw(holder) {
    const script = document.getElementById(holder.dataset.chart);
    if (!script || !window.uPlot) return;
    const text = script.textContent;
    const known = drawn.get(holder);
    if (known) {
      if (known.text === text && known.dark === dark.matches && known.plot.root.isConnected) return;
      known.stop();
    }
    let data;
    try { data = JSON.parse(text); } catch { return; }
    if (!data || !data.x || !data.x.length) return;
    const write = writer(data);
    const when = moments(data);
    const time = data.kind === "time";
    const xText = (at) => (time ? when.full(at) : `${new Intl.NumberFormat("en-AU").format(at)}${data.x_label ? ` ${data.x_label}` : ""}`);
    const style = getComputedStyle(holder);
    const size = parseFloat(style.fontSize) * 0.8;
    const font = `${size}px ${style.fontFamily}`;
    const line = colour("soft");
    const ground = getComputedStyle(document.documentElement).getPropertyValue("--line").trim();
    const steps = data.steps ? uPlot.paths.stepped({ align: 1 }) : undefined;
    const bars = data.bars ? uPlot.paths.bars({ size: [0.7, 48], align: 0 }) : undefined;
    const values = data.stacked ? sums(data.series) : data.series.map((each) => each.values);
    const bands = data.stacked
      ? data.series.slice(1).map((each, at) => ({ series: [at + 2, at + 1], fill: faint(colour(each.slot), data.bars ? 100 : 28) }))
      : [];
    const series = data.series.map((each, at) => ({
      label: each.label,
      stroke: colour(each.slot),
      width: data.bars ? 0 : 2,
      dash: each.dashed ? [6, 5] : undefined,
      paths: bars || steps,
      points: { show: data.x.length === 1 },
      fill: data.bars ? colour(each.slot) : (data.stacked && at === 0) || data.area ? faint(colour(each.slot), 28) : undefined,
    }));
    const most = Math.max(0, ...values.flat().filter((value) => value !== null));
    const least = Math.min(0, ...values.flat().filter((value) => value !== null));
    const level = data.level && data.level.value <= 3 * most ? data.level : null;
    const top = Math.max(most, level ? level.value : 0, 1);
    // Higher where it is wide, so that a line keeps its shape.
    const height = () => {
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
      return Math.max((data.height || 260) * rem, Math.min(holder.clientWidth * 0.46, 360 * rem));
    };
    const tip = document.createElement("div");
    tip.className = "chart-tip";
    tip.hidden = true;

    function marked(plot) {
      const { ctx, bbox } = plot;
      const scale = devicePixelRatio || 1;
      ctx.save();
      ctx.beginPath();
      if (level) {
        const y = Math.round(plot.valToPos(level.value, "y", true)) + 0.5;
        ctx.strokeStyle = line;
        ctx.lineWidth = 1.5 * scale;
        ctx.setLineDash([6 * scale, 5 * scale]);
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      }
      for (const mark of data.marks || []) {
        const x = Math.round(plot.valToPos(mark.x, "x", true)) + 0.5;
        if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) continue;
        ctx.beginPath();
        ctx.strokeStyle = line;
        ctx.fillStyle = line;
        ctx.lineWidth = scale;
        ctx.setLineDash([2 * scale, 3 * scale]);
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        ctx.setLineDash([]);
        const r = 4 * scale;
        ctx.beginPath();
        if (mark.kind === "price") { ctx.moveTo(x, bbox.top - r); ctx.lineTo(x + r, bbox.top); ctx.lineTo(x, bbox.top + r); ctx.lineTo(x - r, bbox.top); }
        else if (mark.kind === "refund") { ctx.moveTo(x - r, bbox.top - r); ctx.lineTo(x + r, bbox.top - r); ctx.lineTo(x, bbox.top + r); }
        else ctx.arc(x, bbox.top, r, 0, 7);
        ctx.fill();
      }
      ctx.restore();
    }

    function point(plot) {
      const at = plot.cursor.idx;
      if (at === null || at === undefined || plot.cursor.left < 0) { tip.hidden = true; return; }
      tip.replaceChildren();
      const head = document.createElement("b");
      head.textContent = xText(plot.data[0][at]);
      tip.append(head);
      let sum = 0;
      for (const each of data.series) {
        const value = each.values[at];
        if (value === null || value === undefined) continue;
        sum += value;
        const row = document.createElement("span");
        const key = document.createElement("i");
        key.className = `key ${each.slot === "accent" || each.slot === "soft" ? each.slot : `p${each.slot}`}`;
        row.append(key, `${each.label} `, Object.assign(document.createElement("b"), { textContent: write.full(value) }));
        tip.append(row);
      }
      if (data.stacked && data.series.length > 1) {
        const row = document.createElement("span");
        row.append("Together ", Object.assign(document.createElement("b"), { textContent: write.full(sum) }));
        tip.append(row);
      }
      const here = plot.valToPos(plot.data[0][at], "x");
      for (const mark of data.marks || []) {
        if (Math.abs(plot.valToPos(mark.x, "x") - here) > 7) continue;
        tip.append(Object.assign(document.createElement("span"), { textContent: mark.label }));
      }
      tip.hidden = false;
      const room = plot.over.clientWidth;
      const left = here + 12 + tip.offsetWidth > room ? here - 12 - tip.offsetWidth : here + 12;
      tip.style.left = `${Math.max(0, left)}px`;
      tip.style.top = "8px";
    }

    const plot = new uPlot({
      width: Math.max(holder.clientWidth, 160),
      height: height(),
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), data.zone || "Etc/UTC"),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { size: 7 } },
      scales: {
        x: { time, dir: data.reversed ? -1 : 1, range: data.bars ? (_, from, to) => { const step = data.x.length > 1 ? (to - from) / (data.x.length - 1) : 1; return [from - step / 2, to + step / 2]; } : undefined },
        y: { range: () => [least && least * 1.25, top * 1.08] },
      },
      axes: [
        { stroke: line, font, size: size * 2.6, gap: 6, space: size * 6, grid: { show: false }, ticks: { show: false },
          values: (_, splits, axis, space, step) => splits.map((at) => (time ? when.axis(at, step) : String(at))) },
        { stroke: line, font, size: (self, texts) => Math.ceil(Math.max(2, ...(texts || []).map((each) => each.length)) * size * 0.62) + 14, gap: 6, ticks: { show: false },
          grid: { stroke: ground, width: 1 }, values: (_, splits) => splits.map(write.short),
          incrs: data.currency || data.percent ? undefined : [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1e3, 2e3, 2500, 5e3, 1e4, 2e4, 25e3, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7] },
      ],
      padding: [10, 26, 0, 0],
      series: [{}, ...series],
      bands,
      hooks: { draw: [marked], setCursor: [point] },
    }, [data.x, ...values], (self, init) => { holder.append(self.root); self.root.setAttribute("aria-hidden", "true"); self.over.append(tip); init(); });
    holder.classList.add("drawn");
    const watch = new ResizeObserver(() => {
      const width = holder.clientWidth;
      if (width > 0 && (Math.abs(width - plot.width) > 1 || Math.abs(height() - plot.height) > 1)) plot.setSize({ width, height: height() });
    });
    watch.observe(holder);
    drawn.set(holder, {
      plot, text, dark: dark.matches,
      stop() { watch.disconnect(); plot.destroy(); holder.classList.remove("drawn"); drawn.delete(holder); },
    });
  }

  function all() {
    for (const [holder, each] of drawn) if (!holder.isConnected) each.stop();
    for (const holder of document.querySelectorAll("[data-chart]")) draw(holder);
  }

  // A live change replaces parts of the page: charts whose data came with it are drawn anew before it is painted.
  const page = new MutationObserver((changes) => {
    if (changes.some(({ target }) => !(target.nodeType === 1 ? target : target.parentElement)?.closest(".uplot"))) all();
  });
  const start = () => { all(); page.observe(document.body, { childList: true, subtree: true, characterData: true }); };
  dark.addEventListener("change", all);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
