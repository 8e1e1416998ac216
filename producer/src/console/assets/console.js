// Enhances pages that work without it: live regions, keys, charts, local times. Loads nothing but pages of this console.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const isField = (node) => node instanceof HTMLElement && (node.matches("input, select, textarea") || node.isContentEditable);

  // ---- Times: the local one on hover -----------------------------------------------------------------------------
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  const showTimes = (root) => {
    for (const node of $$("time[datetime]", root)) {
      const at = new Date(node.dateTime);
      if (!Number.isNaN(at.valueOf())) node.title = `${local.format(at)}\n${node.dateTime}`;
    }
  };

  // ---- Charts ----------------------------------------------------------------------------------------------------
  const plots = new Set();
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const faded = (hex) => (/^#[0-9a-f]{6}$/i.test(hex) ? `${hex}2e` : hex);
  const big = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
  const valueText = (unit) => (value) => {
    if (value == null) return "–";
    if (unit !== "ms") return big.format(value);
    if (value >= 60000) return `${big.format(value / 60000)} min`;
    return value >= 1000 ? `${big.format(value / 1000)} s` : `${big.format(value)} ms`;
  };
  const tickText = (plotted) => {
    const { min, max } = plotted.scales.x;
    const form = max - min > 2 * 86400 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const words = new Intl.DateTimeFormat(undefined, form);
    return (tick) => words.format(new Date(tick * 1000));
  };
  const plot = (node) => {
    const chart = JSON.parse(node.dataset.chart);
    const data = [chart.x, ...chart.series.map((line) => line.values)];
    if (node.plotted) {
      node.plotted.setData(data);
      return;
    }
    const [axis, grid] = [colour("muted"), colour("line")];
    const text = valueText(chart.unit);
    const font = "12px system-ui, sans-serif";
    const common = { stroke: axis, font, ticks: { show: false }, grid: { stroke: grid, width: 1 } };
    node.plotted = new uPlot(
      {
        width: Math.max(node.clientWidth, 120),
        height: node.clientHeight,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: { y: { range: (_plot, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
        axes: [
          { ...common, grid: { show: false }, size: 28, space: 70, values: (plotted, ticks) => ticks.map(tickText(plotted)) },
          { ...common, size: 52, values: (_plot, ticks) => ticks.map(text) },
        ],
        series: [
          {},
          ...chart.series.map((line) => ({
            label: line.label,
            stroke: colour(line.tone),
            fill: line.filled ? faded(colour(line.tone)) : undefined,
            width: 1.75,
            points: { show: (plotted, place) => line.values.filter((value) => value != null).length < 3 && place > 0, size: 5 },
            spanGaps: false,
          })),
        ],
        hooks: {
          setCursor: [
            (plotted) => {
              const at = plotted.cursor.idx;
              const note = $("figcaption .note", node.closest("figure") ?? document);
              if (!note) return;
              note.dataset.usual ??= note.textContent;
              const when = at == null ? "" : new Date(plotted.data[0][at] * 1000).toLocaleTimeString([], { timeStyle: "short" });
              const parts = chart.series.map((line, i) => `${line.label} ${text(plotted.data[i + 1][at])}`);
              note.textContent = at == null ? note.dataset.usual : `${when}: ${parts.join(", ")}`;
            },
          ],
        },
      },
      data,
      node,
    );
    plots.add(node);
  };
  const plotAll = (root) => {
    if (typeof uPlot === "function") for (const node of $$("[data-chart]", root)) plot(node);
  };
  const sized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      for (const node of $$("[data-chart]", target)) {
        node.plotted?.setSize({ width: Math.max(node.clientWidth, 120), height: node.clientHeight });
      }
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    // A copy: what is drawn again joins the set again, and a walk of the set itself would never end.
    for (const node of [...plots]) {
      node.plotted.destroy();
      node.plotted = undefined;
      plots.delete(node);
      if (node.isConnected) plot(node);
    }
  });

  // ---- Live regions ----------------------------------------------------------------------------------------------
  // A region names its topics in `data-live`. It is replaced when one of them changed after it was made, but not while
  // somebody types, selects or stands in it. One with `data-held` is what somebody decides about: it never changes under the
  // hand. When its fresh one has another `data-held` it says so, by what `data-changed` marks, and `data-afresh` fetches that.
  const main = $("main");
  const made = new Map();
  const seen = new Map();
  let fetching = false;
  const regions = () => $$("[data-live][id]", main);
  const isStale = (region) => {
    const at = made.get(region.id) ?? Number(main.dataset.at ?? 0);
    return region.dataset.live.split(" ").some((topic) => (seen.get(topic) ?? 0) > at);
  };
  const isInUse = (region) => {
    if (region.contains(document.activeElement) && document.activeElement !== document.body) return true;
    const selection = getSelection();
    return Boolean(selection && !selection.isCollapsed && region.contains(selection.anchorNode));
  };
  const summaryOf = (node) => `${node.id}|${$("summary", node)?.textContent}`;
  const replace = (old, fresh) => {
    const open = new Set($$("details[open]", old).map(summaryOf));
    for (const node of $$("details", fresh)) if (open.has(summaryOf(node))) node.open = true;
    // A chart that is drawn already goes on with its new numbers instead of flickering.
    for (const node of $$("[data-chart][id]", fresh)) {
      const drawn = document.getElementById(node.id);
      if (!drawn?.plotted || !old.contains(drawn)) continue;
      drawn.dataset.chart = node.dataset.chart;
      node.replaceWith(drawn);
    }
    for (const node of $$("input[id]:not([type=file]), textarea[id]", old)) {
      const field = fresh.querySelector(`#${CSS.escape(node.id)}`);
      if (field && node.value !== node.defaultValue) field.value = node.value;
    }
    const scrolled = new Map($$(".scroll", old).map((node) => [node.ariaLabel, node.scrollLeft]));
    old.replaceWith(fresh);
    for (const node of $$(".scroll", fresh)) node.scrollLeft = scrolled.get(node.ariaLabel) ?? 0;
    prepare(fresh);
  };
  const isHeld = (region) => "held" in region.dataset;
  // `wanted` = the region that a person wants to see anew.
  const refresh = async (wanted) => {
    const isDue = (region) => region === wanted || (isStale(region) && (isHeld(region) || !isInUse(region)));
    if ((fetching && !wanted) || document.hidden || !regions().some(isDue)) return;
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { "x-console-fragment": "1" }, redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) return location.reload();
      if (!answer.ok) return wanted && location.reload();
      const at = Number(answer.headers.get("x-console-at") ?? 0);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const region of regions()) {
        const fresh = page.getElementById(region.id);
        if (!fresh || !isDue(region)) continue;
        made.set(region.id, at);
        if (region !== wanted && isHeld(region)) $("[data-changed]", region).hidden = region.dataset.held === fresh.dataset.held;
        else replace(region, fresh);
      }
      const title = wanted && $(`#${CSS.escape(wanted.id)} h1`);
      if (title) {
        title.tabIndex = -1;
        title.focus();
      }
    } catch {
      // The stream tells when the console is there again.
    } finally {
      fetching = false;
    }
  };
  const state = $(".live-state");
  const tell = (on) => {
    if (!state) return;
    state.hidden = false;
    state.dataset.state = on ? "on" : "off";
    state.textContent = on ? "Live" : "Not live";
  };
  let [stream, wait, timer, doubt] = [undefined, 1000, undefined, undefined];
  const close = () => {
    clearTimeout(timer);
    clearTimeout(doubt);
    stream?.close();
    stream = undefined;
  };
  // Browsers open few connections to one host: only a page that is looked at holds one.
  const listen = () => {
    close();
    if (document.hidden || !regions().length) return;
    stream = new EventSource("/events");
    stream.addEventListener("topics", (event) => {
      wait = 1000;
      clearTimeout(doubt);
      tell(true);
      for (const [topic, at] of Object.entries(JSON.parse(event.data))) seen.set(topic, at);
      refresh();
    });
    stream.addEventListener("error", () => {
      // The server ends every stream after some minutes, and the next one begins at once.
      clearTimeout(doubt);
      doubt = setTimeout(tell, 5000, false);
      if (stream?.readyState !== EventSource.CLOSED) return;
      stream.close();
      timer = setTimeout(listen, wait);
      wait = Math.min(wait * 2, 30000);
    });
  };
  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && listen());
  document.addEventListener("focusout", () => setTimeout(refresh, 50));
  document.addEventListener("click", (event) => {
    const region = event.target instanceof Element && event.target.closest("[data-afresh]")?.closest("[data-held]");
    if (!region || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    refresh(region);
  });

  // ---- Keys ------------------------------------------------------------------------------------------------------
  const dialog = $("#shortcuts");
  const toggle = $("#shortcuts-on");
  const remembered = () => {
    try {
      return localStorage.getItem("shortcuts") !== "off";
    } catch {
      return true;
    }
  };
  if (toggle) {
    toggle.checked = remembered();
    toggle.addEventListener("change", () => localStorage.setItem("shortcuts", toggle.checked ? "on" : "off"));
  }
  const help = $("#show-shortcuts");
  if (help) {
    help.hidden = false;
    help.addEventListener("click", () => dialog.showModal());
  }
  const rowLink = (row) => $("a[href], button", row);
  const step = (by) => {
    const rows = $$("main tbody tr").filter((row) => rowLink(row) && row.checkVisibility());
    if (!rows.length) return;
    const now = rows.findIndex((row) => row.contains(document.activeElement));
    const next = now < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(now + by, 0), rows.length - 1);
    rowLink(rows[next]).focus();
  };
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const { key, target } = event;
    if (key === "Escape") {
      if (isField(target)) target.blur();
      return;
    }
    if (isField(target) || dialog?.open || (toggle && !toggle.checked && key !== "?")) return;
    if (performance.now() - going < 1500 && going > 0) {
      going = 0;
      const link = $(`nav a[data-key="${CSS.escape(key)}"]`);
      if (link) {
        event.preventDefault();
        link.click();
      }
      return;
    }
    const acts = {
      "?": () => dialog?.showModal(),
      "/": () => $("#find")?.focus(),
      g: () => (going = performance.now()),
      j: () => step(1),
      k: () => step(-1),
      n: () => $('.pager a[rel="next"]')?.click(),
    };
    if (!Object.hasOwn(acts, key)) return;
    event.preventDefault();
    acts[key]();
  });

  // On a phone the navigation scrolls in itself: where one is stands in sight.
  const here = $(".top nav a[aria-current]");
  if (here) here.closest("nav").scrollLeft = here.offsetLeft - 40;

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 5000);
  });

  const prepare = (root) => {
    showTimes(root);
    plotAll(root);
    for (const node of $$("figure.chart", root)) sized.observe(node);
  };
  prepare(document);
  listen();
})();
