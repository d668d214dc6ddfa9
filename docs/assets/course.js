// Copy a whole file, or save it. The page holds its text, so that both work from file:// as well.
for (const button of document.querySelectorAll("button[data-copy]")) {
  const text = document.getElementById(button.dataset.copy).textContent.replace(/^\n/, "");
  const label = button.textContent;
  button.parentElement.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1500);
  });

  const link = button.closest("p").querySelector("a[download]");
  if (location.protocol === "file:") {
    // There a browser would show the file in place of saving it.
    link.download = link.pathname.split("/").pop();
    link.href = URL.createObjectURL(new Blob([text]));
  }
}

// The theme adds its copy buttons late, each in a <nav>: to a screen reader, so many navigations without a name.
new MutationObserver(() => {
  for (const nav of document.querySelectorAll(".md-code__nav:not([role])")) nav.role = "presentation";
}).observe(document.querySelector("main"), { childList: true, subtree: true });

// On a later page the theme checks neither of its two radio buttons, and the focus would fall on the hidden one.
const check = () => {
  const scheme = document.body.dataset.mdColorScheme;
  document.querySelector(`.md-option[data-md-color-scheme="${scheme}"]`).checked = true;
};
new MutationObserver(check).observe(document.body, { attributeFilter: ["data-md-color-scheme"] });
check();

// A line number is a link for the mouse only: as a tab stop it would be one of hundreds, all without a name.
for (const link of document.querySelectorAll("a[href^='#__codelineno-']")) {
  link.tabIndex = -1;
  link.ariaHidden = "true";
}

// A diagram that is wider than the screen scrolls, also by the keyboard.
const reach = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const figure of document.querySelectorAll("figure.diagram")) reach.observe(figure);
