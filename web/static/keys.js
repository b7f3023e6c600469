/* Keys: j and k go from story to story, others press what stands in the story, "g" and a letter lead somewhere, "?"
   shows them all. The dialog switches them off; swipe.js looks at the same box. */
"use strict";
(() => {
  const dialog = document.getElementById("keys");
  const box = dialog.querySelector("[data-switch]");
  const STORED = "tributary.keys";
  const HASTE_MS = 1500; // from "g" to the letter
  const FIELDS = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select";
  let going = -Infinity; // when "g" was pressed

  const seen = element => element.checkVisibility?.() ?? element.offsetParent !== null;
  const stops = () => [...document.querySelectorAll("main article, main .pages a[rel=next]")]
    .map(each => each.matches("a") ? each : each.querySelector(":is(h1, h2, h3) a") ?? each.querySelector("a[href]"))
    .filter(each => each && seen(each));
  const frame = stop => stop.closest("article") ?? stop;
  const here = () => document.activeElement?.closest("main article") ?? document.querySelector("main article.story");

  const move = step => {
    const all = stops();
    const at = all.findIndex(stop => frame(stop).contains(document.activeElement));
    const above = all.filter(stop => stop.getBoundingClientRect().top < 0).length; // of the screen
    const next = all[at < 0 ? above - (step < 0) : at + step];
    if (!next) return;
    next.focus({preventScroll: true});
    (frame(next).offsetHeight < innerHeight ? frame(next) : next).scrollIntoView({block: "nearest"});
  };

  const press = selector => here()?.querySelector(selector)?.click();

  const show = () => {
    for (const row of dialog.querySelectorAll("[data-needs]")) row.hidden = !document.querySelector(row.dataset.needs);
    if (dialog.open) dialog.close(); else dialog.showModal();
  };

  const search = () => {
    const field = [...document.querySelectorAll("[role=search] input[type=search]")].find(seen);
    field?.focus();
    field?.select();
  };

  const doing = {
    "j": () => move(1),
    "k": () => move(-1),
    "o": () => press(":is(h1, h2, h3) a"),
    "d": () => press(".more a[href*='/story/']:not([href*='#'])"),
    "s": () => press("[data-star]"),
    "/": search,
    "?": show,
  };

  const isOurs = event => {
    if (!box.checked || event.defaultPrevented || event.isComposing || event.keyCode === 229) return false;
    if (event.ctrlKey || event.altKey || event.metaKey || (event.repeat && !/^[jk]$/i.test(event.key))) return false;
    const [target] = event.composedPath();
    return !target.isContentEditable && !target.matches?.(FIELDS);
  };

  addEventListener("keydown", event => {
    if (!isOurs(event) || event.key === "Shift") return;
    const key = event.shiftKey ? event.key : event.key.toLowerCase(); // whatever Caps Lock does
    if (document.querySelector("dialog[open]") && key !== "?") return;
    const isGoing = event.timeStamp - going < HASTE_MS;
    going = key === "g" && !isGoing ? event.timeStamp : -Infinity;
    const act = isGoing
      ? () => document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.click()
      : Object.hasOwn(doing, key) && doing[key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  try {
    box.checked = localStorage.getItem(STORED) !== "off";
  } catch {
    dialog.querySelector("[data-forgotten]").hidden = false;
  }
  box.addEventListener("change", () => {
    try {
      if (box.checked) localStorage.removeItem(STORED); else localStorage.setItem(STORED, "off");
    } catch {
      dialog.querySelector("[data-forgotten]").hidden = false;
    }
  });
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  for (const opener of document.querySelectorAll("[data-open=keys]")) {
    opener.hidden = false;
    opener.addEventListener("click", show);
  }
})();
