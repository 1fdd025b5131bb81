"use strict";
(() => {
  document.getElementById("unscripted").remove();
  const idle = "Move over a chart, or use the arrow keys, to read values.";
  // Places of the plot in its view box: WIDTH, LEFT and the view box' width of the charts.
  const WIDTH = 1000, LEFT = 52, BOX = 1006;
  // One target, or two whose charts stand beside one another. `data` and `seconds` are those of the first.
  let halves, data, seconds, end, crosses, shown, readout;

  // The values behind the charts of one target.
  function valuesOf(block) {
    const data = JSON.parse(block.textContent);
    const seconds = data.seconds.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i * data.span));
    const values = {};
    for (const [key, text] of Object.entries(data.values)) {
      values[key] = text.split(",").flatMap((run) => {
        const [value, times] = run.split("*");
        return Array(Number(times || 1)).fill(value === "~" ? null : value);
      });
    }
    return { data, seconds, values };
  }

  // Reads the values behind the charts, and finds what shows them.
  function read() {
    halves = ["data", "data-second"].map((id) => document.getElementById(id)).filter(Boolean).map(valuesOf);
    ({ data, seconds } = halves[0]);
    end = Math.max(1, ...halves.map((half) => half.data.end));
    crosses = [...document.querySelectorAll(".cross")];
    shown = [...document.querySelectorAll("[data-v]")];
    readout = document.getElementById("readout");
  }

  const units = { p50: " ms", p99: " ms", oldest: " ms" };
  const pad = (n) => String(n).padStart(2, "0");
  const clock = (s) => (s >= 3600 ? `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)}` : `${Math.floor(s / 60)}`) + `:${pad(s % 60)}`;
  const round = (text) => { const n = Number(text); return Math.abs(n) >= 100 ? String(Math.round(n)) : String(Math.round(n * 10) / 10); };
  let at = -1;

  function nearest(second, seconds) {
    if (!seconds.length) return -1;
    let low = 0, high = seconds.length - 1;
    while (low < high) { const mid = (low + high + 1) >> 1; if (seconds[mid] <= second) low = mid; else high = mid - 1; }
    return low;
  }

  function show(index) {
    at = index;
    const off = index < 0;
    document.body.classList.toggle("pointed", !off);
    const middle = off ? 0 : seconds[index] + data.span / 2;
    const x = off ? -9 : LEFT + Math.min(1, middle / end) * (WIDTH - LEFT);
    for (const cross of crosses) { cross.setAttribute("x1", x); cross.setAttribute("x2", x); }
    // Of the other target the column that covers the same second, if one does.
    const indices = halves.map((half, of) => {
      if (off || of === 0) return index;
      const there = nearest(seconds[index], half.seconds);
      return there >= 0 && Math.abs(half.seconds[there] - seconds[index]) < half.data.span ? there : -1;
    });
    for (const place of shown) {
      const half = Number(place.closest("[data-half]")?.dataset.half || 0);
      const value = off ? undefined : halves[half].values[place.dataset.v]?.[indices[half]];
      place.textContent = off ? "" : value == null ? "–" : round(value) + (units[place.dataset.v] || "");
      place.dataset.value = value ?? "";
    }
    if (off) { readout.textContent = idle; return; }
    const from = seconds[index], till = from + data.span;
    const step = data.steps.filter((s) => Math.floor(s[0]) <= from).pop();
    readout.replaceChildren();
    const bold = document.createElement("b");
    bold.textContent = data.span === 1 ? clock(from) : `${clock(from)} to ${clock(till)}`;
    const utc = new Date(data.start + from * 1000).toISOString().slice(11, 19);
    readout.append(bold, ` · ${utc} UTC` + (step ? ` · step ${step[1]} (${step[2]})` : ""));
    readout.dataset.second = from;
  }

  function follow(event) {
    const svg = event.target.closest(".chart")?.querySelector("svg[role=img]");
    if (!svg) return;
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * BOX;
    if (x < LEFT - 4 || x > WIDTH + 4) return;
    show(nearest(Math.max(0, Math.min(end, ((x - LEFT) / (WIDTH - LEFT)) * end)), seconds));
  }

  // Heard on the document: the areas may be replaced.
  let isInside = false;
  const areaOf = (event) => event.target.closest?.("#charts, .heat");
  function leave(event) {
    if (isInside && event.pointerType === "mouse") { isInside = false; show(-1); }
  }
  document.addEventListener("pointermove", (event) => {
    if (!areaOf(event)) { leave(event); return; }
    isInside = true;
    follow(event);
  });
  document.addEventListener("pointerdown", (event) => { if (areaOf(event)) follow(event); });
  document.documentElement.addEventListener("pointerleave", leave);
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "charts") return;
    const jump = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: at - jump, ArrowRight: at + jump, Home: 0, End: seconds.length - 1, Escape: -1 }[event.key];
    if (to === undefined || !seconds.length) return;
    event.preventDefault();
    show(event.key === "Escape" ? -1 : Math.max(0, Math.min(seconds.length - 1, to)));
  });
  // A live page has put newer parts in place: what was pointed at still is, by its second.
  document.addEventListener("updated", () => {
    const second = at < 0 ? -1 : seconds[at];
    read();
    show(second < 0 ? -1 : nearest(second, seconds));
  });
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
  read();
})();
