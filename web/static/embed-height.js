/* Makes every frame of ours on this page as high as what it shows: <script src="…/embed-height.js" async></script>
   Believes only frames whose address begins as its own does, and changes nothing but their height. */
"use strict";
(() => {
  const home = document.currentScript.src.replace(/embed-height\.js.*$/, "embed/");
  const frames = () => [...document.querySelectorAll("iframe")].filter(frame => frame.src.startsWith(home));
  const [LEAST, MOST] = [60, 20000]; // pixels
  addEventListener("message", ({data, source}) => {
    if (!data || data.message !== "height" || !Number.isFinite(data.value)) return;
    const frame = frames().find(each => each.contentWindow === source);
    if (frame) frame.style.height = `${Math.min(Math.max(data.value, LEAST), MOST)}px`;
  });
  // A frame that was ready before us is asked again; the others speak when they are.
  for (const frame of frames()) frame.contentWindow.postMessage({message: "ready"}, "*");
})();
