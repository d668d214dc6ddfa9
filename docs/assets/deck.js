// The deck: reveal.js, one language and one colour scheme for all slides, both shared with the site, the speaker view.
{
  const page = document.documentElement;
  const scope = new URL("..", location).pathname; // the theme keeps under the site's path what a reader chose
  const schemes = { default: "light", slate: "dark" };
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const load = (key) => {
    try {
      return JSON.parse(localStorage.getItem(`${scope}.${key}`));
    } catch {
      return null; // no storage, or not ours
    }
  };
  const save = (key, value) => {
    try {
      localStorage.setItem(`${scope}.${key}`, JSON.stringify(value));
    } catch {
      // no storage: the choice lasts as long as the page
    }
  };

  let scheme;
  const paint = (chosen) => {
    scheme = chosen in schemes ? chosen : dark.matches ? "slate" : "default";
    page.dataset.mdColorScheme = scheme;
  };

  page.classList.add("js");
  paint(load("__palette")?.color?.scheme); // before anything is drawn

  document.addEventListener("DOMContentLoaded", async () => {
    const $ = (id) => document.getElementById(id);
    const receiver = /receiver/.test(location.search); // a preview inside the speaker view
    const { Reveal, RevealNotes } = window;
    if (!Reveal) return void page.classList.remove("js"); // it did not load: one long page, as without JavaScript

    // One language for all slides
    const select = $("language");
    const labels = [...select.options].map((option) => option.text);
    const show = (label) => {
      select.value = label;
      for (const block of document.querySelectorAll(".language")) {
        block.hidden = !block.dataset.languages.split(",").includes(label);
      }
    };
    const stored = () => load("__tabs")?.find((label) => labels.includes(label)) ?? labels[0];
    const choose = (label) => {
      show(label);
      save("__tabs", [label, ...(load("__tabs") ?? []).filter((other) => other !== label)]);
    };
    show(stored());
    select.addEventListener("change", () => {
      choose(select.value);
      if (!select.matches(":focus-visible")) select.blur(); // chosen by mouse: the keys are the slides' again
    });

    // Light and dark
    const relabel = () => ($("scheme").textContent = scheme === "slate" ? "Light" : "Dark");
    const turn = () => {
      paint(scheme === "slate" ? "default" : "slate");
      const color = { media: `(prefers-color-scheme: ${schemes[scheme]})`, scheme, primary: "custom", accent: "custom" };
      save("__palette", { index: Object.keys(schemes).indexOf(scheme), color });
      relabel();
    };
    relabel();
    const follow = () => {
      paint(load("__palette")?.color?.scheme);
      relabel();
    };
    dark.addEventListener("change", follow);
    addEventListener("storage", () => {
      show(stored()); // chosen in the other window
      follow();
    });

    // The speaker view
    const speaker = () => {
      try {
        Reveal.getPlugin("notes").open();
      } catch {
        $("blocked").showModal(); // window.open gave nothing, and the plugin stumbles over it
      }
    };

    // Reveal's names for the parts, here so that its style sheet leaves the page alone that reads without JavaScript
    for (const link of document.querySelectorAll(".slide-page a")) link.removeAttribute("id");
    document.querySelector("main").classList.add("reveal-viewport");
    $("deck").classList.add("reveal");
    $("slides").classList.add("slides");
    page.classList.toggle("receiver", receiver);

    const keys = ({ key, target }) => {
      if (document.querySelector("dialog[open]")) return false;
      if (key === "Escape" && document.querySelector(":popover-open")) return false;
      if (target?.closest?.("select")) return /^Page/.test(key); // a clicker's keys
      return !(target?.closest?.("a, button") && /^(Enter| )$/.test(key));
    };
    await Reveal.initialize({
      width: Number($("deck").dataset.width),
      height: Number($("deck").dataset.height),
      margin: 0,
      embedded: true, // the stage is <main>, the bar below it ours
      maxScale: 6,
      center: false,
      controls: false,
      hash: true,
      transition: "none",
      backgroundTransition: "none",
      scrollActivationWidth: null,
      pdfMaxPagesPerSlide: 1,
      pdfSeparateFragments: false,
      defaultTiming: 60, // switches the pacing clock on; each slide has its own
      keyboardCondition: keys,
      plugins: RevealNotes ? [RevealNotes] : [],
    });

    const place = () => {
      $("place").textContent = `${Reveal.getSlidePastCount() + 1} / ${Reveal.getTotalSlides()}`;
      document.querySelector(":popover-open")?.hidePopover();
    };
    Reveal.on("slidechanged", place);
    place();

    const bind = (id, action) =>
      $(id).addEventListener("click", (event) => {
        action();
        if (event.detail) event.currentTarget.blur(); // pressed by mouse: the space bar is the slides' again
      });
    bind("previous", () => Reveal.prev());
    bind("next", () => Reveal.next());
    bind("scheme", turn);
    bind("speaker", speaker);
    $("speaker").hidden = !RevealNotes;
    const next = () => choose(labels[(labels.indexOf(select.value) + 1) % labels.length]);
    Reveal.addKeyBinding({ keyCode: 76, key: "L", description: "Next language" }, next);
    if (RevealNotes && !receiver) Reveal.addKeyBinding({ keyCode: 83, key: "S", description: "Speaker view" }, speaker);
    document.querySelector(".controls-bar").hidden = false;
    page.classList.add("ready");
  });
}
