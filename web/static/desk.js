/* Buttons of the desk that copy: without it they are not shown. */
"use strict";
(() => {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const from = document.getElementById(button.dataset.copy);
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(from.value ?? from.textContent);
      } catch { // an old browser, a page without TLS, or one that was told not to
        getSelection().selectAllChildren(from);
        from.select?.();
        document.execCommand("copy");
      }
      button.nextElementSibling.textContent = button.dataset.done;
    });
  }
})();
