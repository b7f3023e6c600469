/* Registers the worker that keeps pages, says so where a page is such a copy, and lists what is kept. */
"use strict";
(() => {
  const PAGES = "tributary-pages"; // as the worker calls it
  const model = document.getElementById("kept");
  const words = model.dataset;
  const copyOf = id => document.importNode(document.getElementById(id).content, true);

  const moment = at => {
    const isToday = new Date(at).toDateString() === new Date().toDateString();
    const how = isToday ? {timeStyle: "short"} : {dateStyle: "long", timeStyle: "short"};
    return new Date(at).toLocaleString(words.locale, how);
  };

  const say = sentence => {
    const main = document.getElementById("main");
    if (!main.querySelector(".kept")) main.prepend(copyOf("kept"));
    main.querySelector(".kept [data-sentence]").textContent = sentence;
    main.querySelector(".kept a").href = location.pathname + location.search;
  };

  const keptAt = Number(document.documentElement.dataset.kept);
  if (keptAt) {
    const tell = () => say((navigator.onLine ? words.away : words.offline).replace("{moment}", moment(keptAt)));
    tell();
    addEventListener("online", tell);
    addEventListener("offline", tell);
  }

  const list = async place => {
    const cache = await caches.open(PAGES);
    for (const request of (await cache.keys()).reverse()) { // read last
      const answer = await cache.match(request, {ignoreVary: true});
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!page.querySelector(".day")) continue;
      const line = copyOf("kept-page");
      const link = line.querySelector("a");
      link.href = request.url;
      link.textContent = page.querySelector("h1")?.textContent.trim() || request.url;
      link.lang = page.documentElement.lang;
      line.querySelector("[data-at]").textContent = words.at.replace("{moment}", moment(answer.headers.get("Date")));
      place.querySelector("[data-list]").append(line);
    }
    const isEmpty = !place.querySelector("[data-list] a");
    place.querySelector("[data-none]").hidden = !isEmpty;
    place.querySelector("[data-some]").hidden = isEmpty;
  };

  const place = document.getElementById("kept-pages");
  if (place && window.caches) list(place).catch(() => {});

  if (!navigator.serviceWorker) return; // not over https, or an old browser
  navigator.serviceWorker.addEventListener("message", ({data}) => {
    if (data === "fresh") say(words.fresh);
  });
  addEventListener("load", () => navigator.serviceWorker.register(words.worker).catch(() => {}));
})();
