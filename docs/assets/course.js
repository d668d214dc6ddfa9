// Copy or save a whole file. All texts come as one script when one is wanted: a page on file:// may load nothing else.
{
  const all = new URL("../snippets/all.js", document.currentScript.src);
  let loading;
  const text = async (path) => {
    loading ??= new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: all, onload: resolve });
      script.onerror = () => {
        loading = undefined; // the next click tries again
        reject(new Error(`${all} could not be loaded`));
      };
      document.head.append(script);
    });
    await loading;
    return new Blob([window.courseFiles[path]], { type: "text/plain" });
  };

  for (const button of document.querySelectorAll("button[data-file]")) {
    const { file } = button.dataset;
    const label = button.textContent;
    const link = button.closest("p").querySelector("a[download]");
    const say = (words, milliseconds) => {
      button.textContent = words;
      setTimeout(() => (button.textContent = label), milliseconds);
    };
    button.parentElement.hidden = false;
    button.addEventListener("click", async () => {
      try {
        // a promise: Safari writes only at once
        await navigator.clipboard.write([new ClipboardItem({ "text/plain": text(file) })]);
        say("Copied", 1500);
      } catch {
        say("Not copied: download it", 4000); // the browser refuses, or so it does without HTTPS
      }
    });
    link.addEventListener("click", async (event) => {
      if (location.protocol !== "file:") return;
      event.preventDefault(); // there it would be shown, not saved
      try {
        const href = URL.createObjectURL(await text(file));
        Object.assign(document.createElement("a"), { href, download: file.split("/").pop() }).click();
      } catch {
        location.assign(link.href); // shown is better than nothing
      }
    });
  }
}

// "Python (async)" is a variant of Python: blocks that lack it show Python, now and later.
document.addEventListener("change", ({ target }) => {
  const label = (input) => document.querySelector(`label[for="${input.id}"]`);
  const named = (set, name) => [...set.querySelectorAll(":scope > input")].find((one) => label(one).innerText.trim() === name);
  const chosen = target.closest(".tabbed-set");
  if (!chosen) return;
  const name = label(target).innerText.trim();
  const plain = name.replace(/ \(.+\)$/, "");
  if (plain !== name) {
    const before = chosen.getBoundingClientRect().top;
    for (const set of document.querySelectorAll(".tabbed-set")) {
      const instead = named(set, name) ? null : named(set, plain);
      if (!instead || instead.checked) continue;
      label(instead).setAttribute("data-md-switching", ""); // no choice of the reader's
      instead.click();
    }
    window.scrollBy(0, chosen.getBoundingClientRect().top - before);
  }
  // What was shown already keeps this mark, and its next choice would be taken for none.
  for (const one of document.querySelectorAll("[data-md-switching]")) one.removeAttribute("data-md-switching");
  if (plain !== name) window.__md_set("__tabs", [...new Set([name, plain, ...(window.__md_get("__tabs") ?? [])])]);
});

{
  // What is wider than the screen scrolls by the keyboard too.
  const reach = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const wide of document.querySelectorAll("figure.diagram, pre > code")) reach.observe(wide);

  // The theme adds copy buttons late, each in a <nav>: so many navigations without a name.
  new MutationObserver(() => {
    for (const nav of document.querySelectorAll(".md-code__nav:not([role])")) nav.role = "presentation";
    for (const table of document.querySelectorAll(".md-typeset__scrollwrap")) reach.observe(table);
  }).observe(document.querySelector("main"), { childList: true, subtree: true });
}

{
  // On a later page the theme checks neither radio button, and the focus would fall on the hidden one.
  const check = () => {
    const scheme = document.body.dataset.mdColorScheme;
    document.querySelector(`.md-option[data-md-color-scheme="${scheme}"]`).checked = true;
  };
  new MutationObserver(check).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
  check();
}

// A line number is a link for the mouse only: as a tab stop it is one of hundreds without a name.
for (const link of document.querySelectorAll("a[href^='#__codelineno-']")) {
  link.tabIndex = -1;
  link.ariaHidden = "true";
}
