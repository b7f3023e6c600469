/* Keeps what pages are made of, and the pages read last for when the network is away. While it is there, pages come
   from it. Left alone: everything but pages and static files, and whatever stands elsewhere. */
"use strict";
const PARTS = "tributary-parts-{{ version }}";
const PAGES = "tributary-pages"; // offline.js lists what is in it
const FILES = {{ files | tojson }};
const SHELLS = {{ shells | tojson }};
const [MOST_PAGES, MOST_PARTS] = [60, 60];
const PATIENCE_MS = 4000; // for the network, where there is a copy
const HOME = new URL("./", location).href;
const UNTOUCHED = /^(?:desk|search|feeds?|embed|oembed|hub|status)(?:[/.?]|$)|^[^?]*\.\w+(?:\?|$)/;
const LOOSELY = {ignoreVary: true};

const path = url => url.slice(HOME.length).replace(/#.*/, "");
const isPage = url => url.startsWith(HOME) && !UNTOUCHED.test(path(url));

const held = async (name, key, how = LOOSELY) => {
  try {
    return await (await caches.open(name)).match(key, how);
  } catch {
    return undefined; // a browser that lets us keep nothing
  }
};

const put = async (name, key, answer, most) => {
  try {
    const cache = await caches.open(name);
    await cache.put(key, answer);
    const keys = await cache.keys(); // the one put last is the last
    await Promise.all(keys.slice(0, Math.max(0, keys.length - most)).map(each => cache.delete(each)));
  } catch {
    // It is full: what is there stays.
  }
};

const keepPage = async (url, answer) => {
  if (answer.status === 404 || answer.status === 410) return void (await (await caches.open(PAGES)).delete(url, LOOSELY));
  const kind = answer.headers.get("Content-Type") ?? "";
  const isKept = answer.status === 200 && !answer.redirected && kind.startsWith("text/html");
  if (!isKept || /no-store/.test(answer.headers.get("Cache-Control") ?? "")) return;
  const headers = new Headers(answer.headers);
  if (!headers.has("Date")) headers.set("Date", new Date().toUTCString());
  await put(PAGES, url, new Response(await answer.blob(), {headers}), MOST_PAGES);
};

// The same page with a word to offline.js: that it is a copy and of when, or that there is none.
const marked = async (copy, mark) => {
  const headers = new Headers(copy.headers);
  headers.delete("Content-Encoding");
  headers.delete("Content-Length");
  return new Response((await copy.text()).replace("<html ", `<html ${mark} `), {headers});
};

const shell = async url => {
  const found = await held(PARTS, url);
  if (found) return marked(found, 'data-kept=""');
  const language = new URL(url).searchParams.get("lang");
  const none = (await held(PARTS, `${HOME}offline?lang=${language}`)) ?? (await held(PARTS, `${HOME}offline`));
  return none ? marked(none, "data-missed") : Response.error();
};

const ask = async event => {
  let answer;
  try {
    answer = await event.preloadResponse;
  } catch {
    // Asked once more.
  }
  answer ??= await fetch(event.request);
  event.waitUntil(keepPage(event.request.url, answer.clone()).catch(() => {}));
  return answer;
};

const page = async event => {
  const {url} = event.request;
  const network = ask(event);
  const late = new Promise(done => setTimeout(done, PATIENCE_MS));
  let answer = await Promise.race([network, late]).catch(() => undefined);
  if (answer && answer.status < 500) return answer;
  const copy = await held(PAGES, url);
  if (copy) {
    event.waitUntil(network.then(fresh => tell(event, fresh)).catch(() => {}));
    return marked(copy, `data-kept="${Date.parse(copy.headers.get("Date"))}"`);
  }
  answer ??= await network.catch(() => undefined);
  return answer ?? shell(url);
};

// The copy is on the screen already: offline.js offers what came after all.
const tell = async (event, fresh) => {
  if (fresh.ok) (await clients.get(event.resultingClientId))?.postMessage("fresh");
};

const part = async event => {
  const {request} = event;
  const found = await held(PARTS, request);
  if (found) return found;
  try {
    const answer = await fetch(request);
    if (answer.status === 200) event.waitUntil(put(PARTS, request, answer.clone(), MOST_PARTS));
    return answer;
  } catch (error) {
    const other = await held(PARTS, request, {ignoreVary: true, ignoreSearch: true}); // of another version of the site
    if (other) return other;
    throw error;
  }
};

addEventListener("fetch", event => {
  const {request} = event;
  if (request.method !== "GET" || !request.url.startsWith(HOME)) return;
  if (request.mode === "navigate") {
    if (isPage(request.url)) event.respondWith(page(event));
  } else if (/^static\/.*[?&]v=/.test(path(request.url))) {
    event.respondWith(part(event));
  }
});

addEventListener("install", event => {
  skipWaiting();
  const wanted = [...FILES.map(file => HOME + file), ...SHELLS.map(each => new Request(HOME + each, {cache: "no-cache"}))];
  event.waitUntil(caches.open(PARTS).then(cache => cache.addAll(wanted)));
});

addEventListener("activate", event => event.waitUntil((async () => {
  const old = (await caches.keys()).filter(name => name.startsWith("tributary-") && name !== PARTS && name !== PAGES);
  await Promise.all(old.map(name => caches.delete(name)));
  await registration.navigationPreload?.enable();
  await clients.claim();
  for (const {url} of await clients.matchAll({type: "window"})) { // pages that were opened before there was a worker
    if (isPage(url)) await fetch(url).then(answer => keepPage(url.replace(/#.*/, ""), answer)).catch(() => {});
  }
})()));
