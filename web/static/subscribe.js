/* The page on following: asks for the same page with other choices, and copies. Without it the form does the same. */
"use strict";
(() => {
  const form = document.querySelector("form[data-build]");
  const made = document.getElementById("made");
  const unanswered = document.getElementById("unanswered");
  let asked = null;

  const show = async () => {
    const query = new URLSearchParams(new FormData(form)).toString();
    const address = `${form.action.replace(/[?#].*$/, "")}?${query}`;
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch(address, {signal: asked.signal});
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      // A file in place of the application knows no choices: it is the page as nobody has asked for it.
      unanswered.hidden = page.querySelector("form[data-build]").dataset.asked === query;
      made.replaceChildren(...document.importNode(page.getElementById("made"), true).childNodes);
      history.replaceState(null, "", address);
      prepare();
    } catch (error) {
      if (error.name !== "AbortError") form.submit();
    }
  };

  const copy = async button => {
    const field = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch { // an old browser, or one that was told not to
      field.select();
      document.execCommand("copy");
    }
    made.querySelector("[role=status]").textContent = button.dataset.done;
  };

  const prepare = () => {
    for (const button of made.querySelectorAll("[data-copy]")) button.hidden = false;
  };

  form?.addEventListener("change", show);
  form?.addEventListener("submit", event => {
    event.preventDefault();
    show();
  });
  made.addEventListener("click", event => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
  prepare();
})();
