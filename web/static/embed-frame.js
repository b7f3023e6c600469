"use strict";
(() => {
  const root = document.documentElement;
  // A file cannot know what is asked for in its address. Where the application answers, the page is so already.
  const dress = asked => {
    const all = names => document.querySelectorAll(names), theme = asked.get("theme"), limit = Number(asked.get("limit"));
    if (/^(auto|light|dark)$/.test(theme)) root.className = theme;
    if (limit >= 1) for (const item of [...all("li")].slice(limit)) item.remove();
    if (asked.get("img") === "none") for (const each of all("img, .credit")) each.remove();
    const accent = /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(asked.get("accent"));
    if (!accent) return;
    const rgb = hex => (hex.length > 3 ? hex : hex.replace(/./g, "$&$&")).match(/../g).map(part => parseInt(part, 16));
    const light = parts => parts.map(part => part / 255)
      .map(share => share <= .04045 ? share / 12.92 : ((share + .055) / 1.055) ** 2.4)
      .reduce((sum, share, at) => sum + share * [.2126, .7152, .0722][at], .05);
    const paint = () => { // as web/colours.py: mixed with as little black or white as makes it readable
      const ground = light(rgb(getComputedStyle(root).getPropertyValue("--paper").trim().slice(1)));
      for (let step = 0; step <= 50; step += 1) {
        const mixed = rgb(accent[1]).map(part => Math.round(part + ((ground > .23 ? 0 : 255) - part) * step / 50));
        root.style.setProperty("--accent", `rgb(${mixed})`);
        if (Math.max(light(mixed), ground) / Math.min(light(mixed), ground) >= 4.5) return;
      }
    };
    paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  };
  if (location.search.slice(1) !== root.dataset.look) dress(new URLSearchParams(location.search));

  if (parent === window) return;
  const secret = (/[?&]secret=(\w+)/.exec(location.hash) || [])[1];
  const tell = (message, value) => parent.postMessage({message, value, secret}, "*");
  const height = () => tell("height", Math.ceil(document.body.getBoundingClientRect().height));
  new ResizeObserver(height).observe(document.body);
  addEventListener("message", event => { if (event.source === parent) height(); });
  if (secret) addEventListener("click", event => {
    const item = event.target.closest("a") && event.target.closest("[data-story]");
    if (!item) return;
    event.preventDefault();
    tell("link", new URL(item.dataset.story, location.href).href);
  });
})();
