/* <tributary-feed src="https://…/feeds/economie.json" limit="5"><a href="…">Économie</a></tributary-feed>

   Shows a JSON Feed in place of what the element holds, which stays where scripts do not run or the feed cannot be had.
   Attributes: src; limit 1…20; img="none"; heading 1…6, the level of a heading with the feed's title; theme light, dark
   or auto, instead of the page's own colours; lang fr or en. Parts for ::part(): heading, list, item, image, title,
   facts, source, time, badge, credit, state. Text of a feed is never read as HTML. */
"use strict";
(() => {
  if (customElements.get("tributary-feed")) return;

  const PAUSE = 5 * 60 * 1000; // milliseconds between two requests for one feed
  const WORDS = {
    fr: {
      loading: "Chargement de l’actualité…",
      failed: "L’actualité ne peut pas être affichée pour l’instant.",
      empty: "Rien n’est encore paru ici ; les prochains articles s’y ajouteront.",
      list: "Actualité",
      picture: "Photo : ",
      many: count => `${count} sources`,
    },
    en: {
      loading: "Loading the news…",
      failed: "The news cannot be shown just now.",
      empty: "Nothing has come in here yet; the next articles will appear here.",
      list: "News",
      picture: "Picture: ",
      many: count => `${count} sources`,
    },
  };
  const DARK = "color: #e9e5dc; background: #15171a; color-scheme: dark;";
  const STYLE = `
    :host { display: block; overflow-wrap: anywhere; }
    :host([hidden]) { display: none; }
    :host([theme]) { padding: .75em; color: #1d1b18; background: #fffdf8; color-scheme: light; }
    :host([theme=dark]) { ${DARK} }
    @media (prefers-color-scheme: dark) { :host([theme=auto]) { ${DARK} } }
    h1, h2, h3, h4, h5, h6, p, ul { margin: 0; padding: 0; }
    ul { list-style: none; }
    li { display: flex; gap: .75em; justify-content: space-between; padding: .6em 0; border-top: 1px solid; }
    li { border-color: color-mix(in srgb, currentColor 25%, transparent); }
    li > div { flex: 1; min-width: 0; }
    a { color: inherit; text-decoration: none; }
    a:hover, .facts a { text-decoration: underline; text-underline-offset: .15em; }
    a:focus-visible { outline: 3px solid; outline-offset: 2px; }
    .title { font-weight: 600; line-height: 1.3; }
    .title a { display: block; padding: .1em 0; }
    .facts { display: flex; flex-wrap: wrap; gap: .1em .7em; margin-top: .15em; font-size: .875em; }
    .facts a { padding: .1em 0; }
    .badge { padding: 0 .4em; border: 1px solid; border-color: color-mix(in srgb, currentColor 40%, transparent); border-radius: 3px; }
    img { flex: none; width: 6em; height: 4em; object-fit: cover; }
    @media print { li { break-inside: avoid; } }`;

  let sheet = null; // adopted sheets need no leave of a page's policy, <style> does
  try {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  } catch { sheet = null; }

  const text = value => typeof value === "string" ? value.trim() : "";
  const object = value => value !== null && typeof value === "object" ? value : {};
  const at = entry => Date.parse(text(entry.date_published)); // NaN where it is no date
  const web = address => {
    try {
      const url = new URL(text(address));
      return /^https?:$/.test(url.protocol) ? url.href : "";
    } catch { return ""; }
  };
  const make = (name, part, content = "") => {
    const made = document.createElement(name);
    if (part) made.className = part;
    if (part) made.setAttribute("part", part);
    made.textContent = content;
    return made;
  };
  const link = (address, content) => {
    if (!address) return make("span", "", content);
    const made = make("a", "", content);
    made.href = address;
    made.rel = "noopener nofollow";
    return made;
  };

  const kept = new Map(); // address → {at, feed}: elements of one page share what was fetched, failures too
  const ask = address => {
    const held = kept.get(address);
    if (held && Date.now() - held.at < PAUSE) return held.feed;
    const feed = fetch(address, {credentials: "omit"}).then(async answer => {
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const read = object(await answer.json());
      if (!text(read.version).startsWith("https://jsonfeed.org/") || !Array.isArray(read.items)) throw new Error("no JSON Feed");
      return read;
    });
    kept.set(address, {at: Date.now(), feed});
    return feed;
  };

  class TributaryFeed extends HTMLElement {
    static observedAttributes = ["src", "limit", "img", "heading", "lang"];
    #root = this.attachShadow({mode: "open"});
    #near = false;
    #stop = () => {};
    #asked = null; // what the last load waits for; an older one that comes later is not shown
    #feed = null;

    connectedCallback() {
      if (sheet) this.#root.adoptedStyleSheets = [sheet];
      const watch = new IntersectionObserver(seen => {
        this.#near = seen[seen.length - 1].isIntersecting;
        this.#load();
      }, {rootMargin: "300px"});
      watch.observe(this);
      const load = () => this.#load();
      const timer = setInterval(load, PAUSE);
      document.addEventListener("visibilitychange", load);
      this.#stop = () => {
        watch.disconnect();
        clearInterval(timer);
        document.removeEventListener("visibilitychange", load);
      };
      if (this.#feed) this.#show(this.#feed);
      else this.#say(this.#words.loading);
    }

    disconnectedCallback() {
      this.#stop();
    }

    attributeChangedCallback(name) {
      if (!this.isConnected) return;
      if (name === "src") {
        this.#feed = null;
        this.#load();
      } else if (this.#feed) this.#show(this.#feed);
    }

    get #language() {
      return (this.closest("[lang]") || document.documentElement).lang || navigator.language || "en";
    }

    get #words() {
      return WORDS[this.#language.slice(0, 2).toLowerCase()] || WORDS.en;
    }

    #number(name, most, otherwise) {
      const number = Number(this.getAttribute(name) || NaN);
      return Number.isInteger(number) && number >= 1 && number <= most ? number : otherwise;
    }

    async #load() {
      if (!this.#near || document.hidden) return;
      const asked = this.#asked = ask(new URL(this.getAttribute("src") || "", document.baseURI).href);
      try {
        const feed = await asked;
        if (asked !== this.#asked || feed === this.#feed) return;
        if (this.#root.activeElement && this.#feed) return; // nothing moves under a keyboard
        this.#feed = feed;
        this.#show(feed);
      } catch {
        if (asked === this.#asked && !this.#feed) this.#say(this.#words.failed);
      }
    }

    #put(...content) {
      const style = sheet ? [] : [make("style", "", STYLE)];
      this.#root.replaceChildren(...style, ...content);
    }

    #say(words) {
      this.#put(document.createElement("slot"), make("p", "state", words));
    }

    #show(feed) {
      const level = this.#number("heading", 6, 0);
      const title = text(feed.title) || this.#words.list;
      const list = make("ul", "list");
      list.setAttribute("role", "list"); // Safari forgets it where there are no bullets
      list.setAttribute("aria-label", title);
      const newest = feed.items.slice(0, this.#number("limit", 20, 10)).map(object);
      newest.sort((one, other) => at(other) - at(one) || 0);
      list.append(...newest.map(entry => this.#item(entry)));
      const heading = level ? [make(`h${level}`, "heading")] : [];
      for (const each of heading) each.append(link(web(feed.home_page_url), title));
      this.#put(...heading, list.children.length ? list : make("p", "state", this.#words.empty));
    }

    #item(entry) {
      const more = object(entry._tributary);
      const item = make("li", "item"), words = make("div"), title = make("div", "title"), facts = make("div", "facts");
      title.append(link(web(entry.url), text(entry.title) || text(entry.summary) || text(entry.url)));
      if (text(entry.language)) title.lang = text(entry.language);
      facts.append(...this.#facts(entry, more));
      words.append(title, facts);
      item.append(words, ...this.#image(entry));
      return item;
    }

    #facts(entry, more) {
      const authors = Array.isArray(entry.authors) ? entry.authors : [];
      const tags = Array.isArray(entry.tags) ? entry.tags : [];
      const also = Array.isArray(more.also) ? more.also.length + 1 : 1;
      const credit = this.#image(entry).length ? text(more.image_credit) : "";
      const found = [
        make("b", "source", text(object(more.source).title) || text(object(authors[0]).name)),
        this.#time(new Date(at(entry))),
        make("span", "badge", text(more.genre) && text(tags[tags.length - 1])),
        web(more.story_url) && also > 1 ? link(web(more.story_url), this.#words.many(also)) : make("span"),
        make("span", "credit", credit && this.#words.picture + credit),
      ];
      return found.filter(each => each.textContent);
    }

    #time(moment) {
      const made = make("time", "time");
      if (Number.isNaN(moment.getTime())) return made;
      const form = {day: "numeric", month: "short", hour: "2-digit", minute: "2-digit"};
      made.dateTime = moment.toISOString();
      try {
        made.textContent = new Intl.DateTimeFormat(this.#language, form).format(moment);
      } catch { made.textContent = new Intl.DateTimeFormat("en", form).format(moment); } // the page's lang is no language
      return made;
    }

    #image(entry) {
      const address = this.getAttribute("img") === "none" ? "" : web(entry.image);
      if (!address) return [];
      const made = make("img", "image");
      Object.assign(made, {alt: text(object(entry._tributary).image_alt), width: 96, height: 64, loading: "lazy", decoding: "async", src: address});
      return [made];
    }
  }
  customElements.define("tributary-feed", TributaryFeed);
})();
