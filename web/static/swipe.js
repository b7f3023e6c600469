/* Swipes: on a touch screen a story that is drawn to the left is starred, to the right it opens our page of it. Up and
   down scrolls as ever, the edges of the screen are the browser's, and a page that is magnified is moved, not swiped. */
"use strict";
(() => {
  const box = document.querySelector("#keys [data-switch]");
  const root = document.documentElement;
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
  const [EDGE, START, FAR, MOST] = [32, 12, 72, 96]; // pixels
  let touch = null;
  let wasSwiped = -Infinity; // when the last swipe ended; the click that follows it is none

  const prepare = () => root.toggleAttribute("data-swipes", box.checked && !((window.visualViewport?.scale ?? 1) > 1));

  const end = () => {
    if (!touch) return;
    touch.story.style.transform = "";
    touch.story.removeAttribute("data-swipe");
    touch = null;
  };

  document.addEventListener("pointerdown", event => {
    end();
    const story = event.target.closest?.(".teaser");
    const isOurs = event.pointerType === "touch" && event.isPrimary && root.hasAttribute("data-swipes");
    if (!story || !isOurs || event.clientX < EDGE || event.clientX > innerWidth - EDGE) return;
    touch = {story, id: event.pointerId, x: event.clientX, y: event.clientY, far: 0, isDrawn: false};
  });

  document.addEventListener("pointermove", event => {
    if (touch?.id !== event.pointerId) return;
    const [across, down] = [event.clientX - touch.x, event.clientY - touch.y];
    if (!touch.isDrawn) {
      if (Math.abs(down) > START && Math.abs(down) >= Math.abs(across)) return end();
      if (Math.abs(across) < START) return;
      touch.isDrawn = true;
      touch.story.setPointerCapture?.(event.pointerId);
    }
    touch.far = across;
    if (Math.abs(across) < FAR) touch.story.removeAttribute("data-swipe");
    else touch.story.dataset.swipe = across < 0 ? "star" : "open";
    if (!isCalm.matches) touch.story.style.transform = `translateX(${Math.max(-MOST, Math.min(MOST, across))}px)`;
  });

  document.addEventListener("pointerup", event => {
    if (touch?.id !== event.pointerId) return;
    const {story, far, isDrawn} = touch;
    end();
    if (!isDrawn) return;
    wasSwiped = event.timeStamp;
    const wanted = far < 0 ? "[data-star]" : ".more a[href*='/story/']:not([href*='#'])";
    if (Math.abs(far) >= FAR) story.querySelector(wanted)?.click();
  });

  document.addEventListener("pointercancel", end);
  document.addEventListener("click", event => {
    if (event.isTrusted && event.timeStamp - wasSwiped < 300) {
      event.preventDefault();
      event.stopPropagation();
    }
  }, true);

  box.addEventListener("change", prepare);
  window.visualViewport?.addEventListener("resize", prepare);
  prepare();
})();
