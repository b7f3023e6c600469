/* "Older" brings stories into the page that is open: they continue its days, the first new one gets the focus, and
   who comes back to the page finds as many as before. htmx fetches; without it the link leads to the next page. */
"use strict";
(() => {
  const link = () => document.querySelector(".pages a[data-hx-boost]");
  const kept = () => history.state ?? {};
  const keep = more => history.replaceState({...kept(), ...more}, "");
  let awaited = 0; // pieces that the page held when it was left
  let first = null; // of the stories that just came

  const join = day => {
    for (const story of day.querySelectorAll(".teaser")) {
      if (document.getElementById(story.id) !== story) story.remove(); // it moved down while the page was read
    }
    const before = document.querySelector(`.day[data-day="${day.dataset.day}"]`);
    if (before === day) return;
    day.querySelector("h2").remove();
    day.removeAttribute("aria-labelledby");
  };

  const goOn = () => {
    if (awaited > 0 && --awaited > 0 && link()) {
      link().click();
      return true;
    }
    return false;
  };

  const settle = () => {
    const story = first;
    first = null;
    if (!story) return;
    if (awaited > 0) {
      if (goOn()) return;
      const left = document.getElementById(kept().story);
      (left ?? story).querySelector("h3 a, .more a").focus({preventScroll: true});
      left?.scrollIntoView({block: "center", behavior: "instant"});
      return;
    }
    keep({pieces: (kept().pieces ?? 0) + 1});
    story.querySelector("h3 a, .more a").focus({preventScroll: true});
  };

  document.addEventListener("htmx:afterSwap", event => {
    if (!event.target.matches?.(".day")) return;
    join(event.target);
    first ??= event.target.querySelector(".teaser");
  });
  document.addEventListener("htmx:afterSettle", settle);

  for (const failure of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(failure, event => {
      if (event.target.matches?.(".pages a")) location.assign(event.target.href);
    });
  }

  document.addEventListener("click", event => {
    const story = event.target.closest?.(".teaser");
    if (story && event.target.closest("a")) keep({story: story.id});
  });

  document.addEventListener("DOMContentLoaded", () => {
    const [way] = performance.getEntriesByType("navigation");
    if (way?.type === "back_forward" && kept().pieces) {
      awaited = kept().pieces;
      link()?.click();
    } else if (kept().pieces) {
      keep({pieces: 0});
    }
  });
})();
