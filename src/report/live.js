"use strict";
(() => {
  const status = document.getElementById("live");
  const parts = new Map([...document.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]));
  // Parts in which text is selected wait until it is not any more.
  const waiting = new Map();
  let isOver = status.dataset.state === "ended";

  function isSelected(part) {
    const selection = getSelection();
    return !selection.isCollapsed && (part.contains(selection.anchorNode) || part.contains(selection.focusNode));
  }

  // What the reader did to a part outlives its replacement: what is open, how far it is scrolled, where the keyboard is.
  function replace(part, html) {
    const all = (selector) => [...part.querySelectorAll(selector)];
    const focusable = "#charts, summary";
    const open = all("details").map((details) => details.open);
    const scrolled = all(".wide, #charts, .heat").map((area) => area.scrollLeft);
    const focused = all(focusable).indexOf(document.activeElement);
    part.innerHTML = html;
    all("details").forEach((details, at) => { if (at < open.length) details.open = open[at]; });
    all(".wide, #charts, .heat").forEach((area, at) => { if (scrolled[at]) area.scrollLeft = scrolled[at]; });
    if (focused >= 0) all(focusable)[focused]?.focus({ preventScroll: true });
  }

  function put(key, html) {
    if (key === "data" || key === "data-second") { document.getElementById(key).textContent = html; return; }
    const part = parts.get(key);
    if (!part) return;
    if (isSelected(part)) { waiting.set(key, html); return; }
    waiting.delete(key);
    replace(part, html);
  }

  // The first part that begins in sight, or is there, stays where it is, whatever grows or shrinks above it.
  function inSight() {
    const places = [...parts.values()].map((part) => [part, part.getBoundingClientRect()]);
    const begins = places.find(([, place]) => place.height > 0 && place.top >= 0 && place.top < innerHeight);
    return (begins ?? places.find(([, place]) => place.bottom > 0))?.[0];
  }

  function putAll(news) {
    const anchor = scrollY > 0 ? inSight() : undefined;
    const before = anchor?.getBoundingClientRect().top;
    for (const [key, html] of Object.entries(news)) put(key, html);
    if (anchor) scrollBy(0, anchor.getBoundingClientRect().top - before);
    document.dispatchEvent(new Event("updated"));
  }

  function say(state, text) {
    if (status.dataset.state !== state) status.dataset.state = state;
    if (status.textContent !== text) status.textContent = text;
  }

  function connect() {
    const source = new EventSource("events");
    source.addEventListener("update", (event) => {
      const news = JSON.parse(event.data);
      // Another session on the same address has other parts, if it has another number of targets.
      if (news.targets !== Number(status.dataset.targets)) { location.reload(); return; }
      isOver = news.state === "ended";
      document.title = news.title;
      say(news.state, news.status);
      putAll(news.parts);
    });
    source.addEventListener("full", (event) => { say("full", event.data); });
    source.addEventListener("error", () => {
      if (!isOver && status.dataset.state !== "full") say("lost", "connection lost, trying again");
      // Browsers try again by themselves, but not after every failure.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
    });
  }

  document.addEventListener("selectionchange", () => {
    if (waiting.size && [...waiting.keys()].every((key) => !isSelected(parts.get(key)))) putAll(Object.fromEntries(waiting));
  });
  connect();
})();
