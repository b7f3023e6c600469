/* What is new: marks stories that came since the last visit and says how many there are. A visit ends with half an hour
   without a page. When it was stays in this browser. */
"use strict";
(() => {
  const STORED = "tributary.visit";
  const PAUSE_MS = 30 * 60 * 1000;
  const OLDEST_MS = 3 * 60 * 1000; // as old as a page may be, see PAGE_CACHE
  const model = document.getElementById("news");
  const words = model.dataset;
  const opened = Number(document.documentElement.dataset.kept) || Date.now(); // a copy tells nothing later than itself
  const cameAt = story => story.dataset.seen * 1000;
  const stories = () => [...document.querySelectorAll(".teaser[data-seen]")];
  const copyOf = id => document.importNode(document.getElementById(id).content, true);

  // `at`: the last page of this visit; `since`: that of the one before; `shown`: the newest story seen until `at`,
  // `known`: until `since`. What came while a page lay in a cache was on none, so it is new.
  const visit = {since: 0, known: 0, at: opened, shown: 0};
  try {
    const before = JSON.parse(localStorage.getItem(STORED)) ?? {};
    const isNew = opened - before.at > PAUSE_MS;
    if (Number.isFinite(before.at)) {
      Object.assign(visit, before);
      if (isNew) Object.assign(visit, {since: before.at, known: before.shown});
      visit.at = Math.max(before.at, opened);
    }
    visit.shown = stories().reduce((newest, story) => Math.max(newest, cameAt(story)), visit.shown);
    localStorage.setItem(STORED, JSON.stringify(visit));
  } catch {
    return; // nothing can be kept: every visit is the first
  }
  if (!(visit.since > 0)) return;
  const limit = Math.max(visit.since - OLDEST_MS, Math.min(visit.since, visit.known));
  const isNew = story => cameAt(story) > limit;

  const mark = () => {
    for (const story of stories()) {
      if (isNew(story) && !story.querySelector(".new")) story.querySelector(".facts").prepend(copyOf("new"));
    }
  };

  const moment = at => {
    const date = new Date(at);
    const day = which => new Date(which.getFullYear(), which.getMonth(), which.getDate());
    const days = Math.round((day(new Date()) - day(date)) / 864e5);
    const time = date.toLocaleTimeString(words.locale, {hour: "2-digit", minute: "2-digit"});
    if (days === 0) return time;
    let name = date.toLocaleDateString(words.locale, {weekday: "long", day: "numeric", month: "long"});
    if (words.first) name = name.replace(/\b1 /, words.first);
    if (days === 1) name = new Intl.RelativeTimeFormat(words.locale, {numeric: "auto"}).format(-1, "day");
    return words.moment.replace("{day}", name).replace("{time}", time);
  };

  const announce = () => {
    const all = stories();
    const count = all.filter(isNew).length;
    const river = document.querySelector(".day");
    if (!count || !river || new URLSearchParams(location.search).has("before")) return;
    const line = copyOf("news");
    const sentence = count === 1 ? words.one : words.many;
    line.querySelector("[data-sentence]").textContent = sentence
      .replace("{n}", count.toLocaleString(words.locale))
      .replace("{since}", moment(visit.since));
    const known = all.find((story, at) => !isNew(story) && all.slice(0, at).some(isNew));
    const link = line.querySelector("a");
    if (known) link.href = `#${known.id}`; else link.remove();
    river.before(line);
  };

  mark();
  announce();
  new MutationObserver(mark).observe(document.getElementById("main"), {childList: true, subtree: true});
})();
