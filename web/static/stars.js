/* Stars: stories that a reader marks, kept in this browser alone. A button in every story, the page with all of them,
   to a file and back. What was kept or comes from a file is believed in nothing: it becomes text, and web links. */
"use strict";
(() => {
  const STORED = "tributary.stars";
  const [MOST, LONGEST] = [2000, 1000]; // stars; characters of a part of one
  const model = document.getElementById("star");
  const words = model.dataset;
  const said = document.getElementById("said");
  const list = document.getElementById("stars");
  const copyOf = id => document.importNode(document.getElementById(id).content, true);

  const say = (text, isLoud = true) => {
    said.classList.toggle("unseen", !isLoud);
    said.textContent = text;
  };

  const text = value => (typeof value === "string" ? value.slice(0, LONGEST) : "");
  const webLink = value => {
    try {
      return /^https?:$/.test(new URL(value).protocol) ? text(value) : "";
    } catch {
      return "";
    }
  };
  const tidy = star => ({
    id: text(star?.id),
    title: text(star?.title),
    link: webLink(star?.link),
    source: text(star?.source),
    language: text(star?.language),
    at: Number.isFinite(star?.at) && Math.abs(star.at) < 8e15 ? star.at : 0,
  });
  const pageOf = star => (/^[0-9]{1,12}$/.test(star.id) ? words.page.replace(/\b0\b/, star.id) : "");
  const newestFirst = stars => stars.sort((one, other) => other.at - one.at);

  const read = () => {
    try {
      const found = JSON.parse(localStorage.getItem(STORED));
      return Array.isArray(found) ? newestFirst(found.map(tidy).filter(star => star.id)) : [];
    } catch {
      return [];
    }
  };

  const write = stars => {
    if (stars.length > MOST) return say(words.full);
    try {
      localStorage.setItem(STORED, JSON.stringify(stars));
      return true;
    } catch (error) {
      say(error?.name === "QuotaExceededError" ? words.full : words.forbidden);
    }
  };

  // ── in stories

  const starOf = story => {
    const title = story.querySelector("h1, h2, h3");
    const source = story.querySelector(".from") ?? document.querySelector("h1"); // the page of a source names it once
    return tidy({
      id: story.dataset.story,
      title: title.textContent.trim(),
      link: title.querySelector("a")?.href,
      source: source.textContent.trim(),
      language: title.lang,
      at: Date.now(),
    });
  };

  const dress = story => {
    const facts = story.querySelector(".facts");
    if (!facts || story.querySelector("[data-star]")) return;
    const star = starOf(story);
    facts.append(copyOf("star"));
    const name = facts.querySelector("[data-title]");
    name.textContent = star.title;
    name.lang = star.language || document.documentElement.lang;
  };

  const draw = () => {
    const ids = new Set(read().map(star => star.id));
    for (const story of document.querySelectorAll("[data-story]")) {
      dress(story);
      story.querySelector("[data-star]")?.setAttribute("aria-pressed", ids.has(story.dataset.story));
    }
  };

  const toggle = (story, button) => {
    const star = starOf(story);
    const others = read().filter(each => each.id !== star.id);
    const isNew = button.getAttribute("aria-pressed") !== "true";
    if (!write(isNew ? [star, ...others] : others)) return;
    draw();
    if (document.activeElement !== button) say(isNew ? words.starred : words.removed, false); // else it is heard anyway
  };

  // ── on the page of stars

  const fill = (part, texts) => {
    for (const [name, value] of Object.entries(texts)) {
      for (const place of part.querySelectorAll(`[data-${name}]`)) place.textContent = value;
    }
  };
  const lead = (link, address) => (address ? link.setAttribute("href", address) : link.removeAttribute("href"));

  const row = star => {
    const part = copyOf("stars-story");
    fill(part, {title: star.title || star.link || star.id, source: star.source});
    const moment = new Date(star.at);
    const time = part.querySelector("time");
    time.dateTime = moment.toISOString();
    time.textContent = moment.toLocaleString(words.locale, {dateStyle: "long", timeStyle: "short"});
    for (const title of part.querySelectorAll("[data-title]")) {
      title.lang = star.language || document.documentElement.lang;
    }
    lead(part.querySelector("[data-link]"), star.link);
    const page = part.querySelector("[data-page]");
    if (pageOf(star)) page.href = pageOf(star); else page.remove();
    part.querySelector("article").dataset.id = star.id;
    return part;
  };

  const showAll = () => {
    const stars = read();
    list.querySelector("[data-list]").replaceChildren(...stars.map(row));
    list.querySelector("[data-none]").hidden = stars.length > 0;
    for (const button of list.querySelectorAll("[data-export]")) button.disabled = stars.length === 0;
  };

  const remove = story => {
    if (!write(read().filter(star => star.id !== story.dataset.id))) return;
    const next = story.nextElementSibling ?? story.previousElementSibling;
    showAll();
    const row = [...list.querySelectorAll("article")].find(each => each.dataset.id === next?.dataset.id);
    (row?.querySelector("[data-star]") ?? document.getElementById("main")).focus();
    say(words.removed, false);
  };

  const absolute = star => (pageOf(star) ? new URL(pageOf(star), location.href).href.replace(/\?.*/, "") : "");
  // XML knows no control characters and no halves of signs.
  const plain = value => value.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu, "");

  const asOpml = stars => {
    const opml = document.implementation.createDocument(null, "opml");
    const add = (parent, name, attributes = {}, content = "") => {
      const made = parent.appendChild(opml.createElement(name));
      for (const [key, value] of Object.entries(attributes)) if (value) made.setAttribute(key, plain(value));
      made.textContent = plain(content);
      return made;
    };
    opml.documentElement.setAttribute("version", "2.0");
    add(add(opml.documentElement, "head"), "title", {}, document.title);
    const body = add(opml.documentElement, "body");
    for (const star of stars) {
      const created = new Date(star.at).toUTCString();
      add(body, "outline", {text: star.title || star.link, type: "link", url: star.link || absolute(star), created});
    }
    return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(opml)}\n`;
  };

  const asJson = stars => JSON.stringify({
    version: "https://jsonfeed.org/version/1.1",
    title: document.title,
    items: stars.map(star => ({
      id: absolute(star) || star.id,
      url: star.link || undefined,
      title: star.title,
      content_text: star.title,
      language: star.language || undefined,
      authors: star.source ? [{name: star.source}] : undefined,
      _tributary: {story: star.id, story_url: absolute(star) || undefined, starred: new Date(star.at).toISOString()},
    })),
  }, null, 1);

  const fromJson = content => {
    const {items} = JSON.parse(content);
    return items.map(item => tidy({
      id: item?._tributary?.story ?? item?.id ?? item?.url,
      title: item?.title,
      link: item?.url,
      source: item?.authors?.[0]?.name,
      language: item?.language,
      at: Date.parse(item?._tributary?.starred ?? item?.date_published),
    })).filter(star => star.id && (star.link || pageOf(star)));
  };

  const save = (name, type, content) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], {type}));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  const load = async field => {
    let found;
    try {
      found = fromJson(await field.files[0].text());
    } catch {
      found = [];
    }
    field.value = "";
    const all = new Map([...found, ...read()].map(star => [star.id, star])); // what was here already stays as it is
    const count = all.size - read().length;
    if (!found.length) return say(words.foreign);
    if (!write(newestFirst([...all.values()]))) return;
    showAll();
    say(words.loaded.replace("{n}", count.toLocaleString(words.locale)));
  };

  const kinds = {
    opml: () => save("stars.opml", "text/x-opml", asOpml(read())),
    json: () => save("stars.json", "application/feed+json", asJson(read())),
  };

  document.addEventListener("click", ({target}) => {
    const button = target.closest?.("[data-star]");
    const story = button?.closest("[data-story]");
    if (story) toggle(story, button);
    else if (button) remove(button.closest("article"));
    else if (target.dataset?.export) kinds[target.dataset.export]();
  });
  document.addEventListener("change", ({target}) => {
    if (target.matches("[data-import]") && target.files.length) load(target);
  });
  const refresh = () => {
    draw();
    if (list) showAll();
  };
  addEventListener("storage", ({key}) => {
    if (key === STORED || key === null) refresh();
  });
  if (list) list.replaceChildren(copyOf("stars-page"));
  refresh();
  new MutationObserver(changes => {
    if (changes.some(change => [...change.addedNodes].some(node => node.matches?.("[data-story], :has([data-story])")))) draw();
  }).observe(document.getElementById("main"), {childList: true, subtree: true});
})();
