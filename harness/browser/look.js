// What can be seen and done on a page of the site, as plain data. Each function takes a whole page in one call.
{
  const all = (pick, part = document) => [...part.querySelectorAll(pick)];
  const shown = (pick, part = document) => all(pick, part).filter((one) => one.checkVisibility());
  const pause = (ms) => new Promise((done) => { setTimeout(done, ms); }); // prettier-ignore
  const words = (part) => part.textContent.trim().replace(/\s+/g, " ");
  const codes = () => shown("article pre > code").map((one) => one.innerText.replace(/\n+$/, ""));

  /** Wait until something is true, two seconds at most; what it is not by then, the test says. */
  const until = async (holds) => {
    for (let turn = 0; turn < 200 && !holds(); turn++) await pause(10);
  };

  // Tabs

  const labels = (set) => all(":scope > .tabbed-labels > label", set).map((one) => one.innerText);

  /** The tab that is shown by each block that has a tab of this name. */
  const tabs = (label) =>
    shown(".tabbed-set").filter((set) => labels(set).includes(label)).map((set) => {
      const blocks = all(":scope > .tabbed-content > .tabbed-block", set);
      return blocks.map((block, i) => (block.checkVisibility() ? labels(set)[i] : "")).join("");
    }); // prettier-ignore

  /** Choose a language by its first tab; before that the first of all, which a block without this tab then shows. */
  const choose = async (label) => {
    const choices = shown(".tabbed-labels:has(:nth-child(2)) > label");
    choices[0]?.click();
    choices.find((one) => one.innerText === label)?.click();
    await until(() => tabs(label).every((one) => one === label));
    return tabs(label);
  };

  const scrolls = ({ scrollWidth, clientWidth } = document.scrollingElement) => scrollWidth > clientWidth;

  /** Choose each language: which tabs are shown then, and where the page is too wide for the screen. */
  const languages = async (names) => {
    const seen = { tabs: {}, sideways: [] };
    for (const name of names.length ? names : [""]) {
      if (name) seen.tabs[name] = await choose(name);
      await until(() => !scrolls()); // the theme moves its search while it takes on a new width
      if (scrolls()) seen.sideways.push(`${name} at ${innerWidth}`.trim());
    }
    return seen;
  };

  // How it looks

  /** How far the page has moved while it was loading: the sum of its layout shifts so far. */
  const shift = () => {
    let sum = 0;
    const add = (entries) => entries.forEach((entry) => (sum += entry.value));
    const observer = new PerformanceObserver((list) => add(list.getEntries()));
    observer.observe({ type: "layout-shift", buffered: true });
    return () => {
      add(observer.takeRecords());
      observer.disconnect();
      return sum;
    };
  };

  const finish = () => document.getAnimations().forEach((animation) => animation.finish());

  /** The colours of the page and of each diagram. */
  const colours = () =>
    [document.body, ...all("figure.diagram")].map((part) => [
      getComputedStyle(part).backgroundColor,
      ...all("svg :is(text, rect, path)", part).map((one) => getComputedStyle(one)).map((css) => css.fill + css.stroke),
    ].join()); // prettier-ignore

  /** The text of each line of a source page, by its anchor. */
  const lines = () => {
    const ends = all("[id^='__codelineno-']"), code = document.querySelector("pre > code"); // prettier-ignore
    return ends.map((end, i) => {
      const range = document.createRange();
      range.setStartAfter(end);
      if (i + 1 < ends.length) range.setEndBefore(ends[i + 1]);
      else range.setEndAfter(code);
      return range.toString();
    });
  };

  // What axe finds otherwise on another screen; all else is in the HTML, which is the same.
  const BY_SCREEN = ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block"];

  /** A page as it comes: light or heavy, steady or not, in its colours, open to everybody. */
  const first = async (names) => {
    const moved = shift();
    const found = await violations("html");
    const seen = { shift: moved(), violations: found, colours: colours(), lines: lines(), ...(await languages(names)) };
    seen.diagrams = all("figure.diagram").map((figure) => figure.innerHTML);
    return seen;
  };

  /** A page that is on another screen now; it turns dark where it can, as by the reader's own hand. */
  const turned = async (names) => {
    shown(".md-header label[for^=__palette]")[0]?.click();
    finish(); // the theme fades from one colour to the other
    const found = await violations("html", BY_SCREEN);
    unfold();
    if (names[1]) await choose(names[1]); // another than the wide page left behind, so that each choice is a change
    return { violations: found, colours: colours(), ...(await languages(names)), popups: popups() };
  };

  // On paper

  const printed = async () => {
    finish(); // the theme fades from one colour to the other
    const pale = () => shown("article :is(p, pre > code, pre span, td)").filter((one) => {
      const [red, green, blue] = getComputedStyle(one).color.match(/[\d.]+/g).map(Number);
      return Math.max(red, green, blue) >= 200;
    }); // prettier-ignore
    await until(() => !pale().length);
    return { codes: codes(), buttons: shown("button").length, pale: pale().map(words) };
  };

  // Without JavaScript

  const hidden = (one) => !one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const inside = (one) => one.closest(".tabbed-block, details, [popover]");

  /** What can be read where no script runs: nothing here may wait. */
  const plain = (names) => {
    const seen = { codes: {} };
    seen.hidden = all("article :is(h1, h2, h3, p, li, td, th)").filter((one) => !inside(one) && hidden(one)).map(words);
    seen.closed = all("details").map((fold) => shown("summary ~ *", fold).length > 0);
    unfold();
    seen.opened = all("details").map((fold) => shown("summary ~ *", fold).length > 0);
    for (const name of names.length ? names : [""]) {
      const choices = shown(".tabbed-labels > label");
      choices.filter((one) => one.matches(":first-child")).forEach((one) => one.click());
      choices.filter((one) => one.innerText === name).forEach((one) => one.click());
      seen.codes[name] = codes();
    }
    seen.buttons = shown("article button:not(.proof)").map(words);
    return seen;
  };

  // What can be opened and copied

  const unfold = () => all("details").forEach((one) => (one.open = true));

  /** What a claim's mark says, and the name and the rows of its card. */
  const card = (mark) => {
    const said = document.getElementById(mark.getAttribute("popovertarget"));
    const name = said.querySelector(".proof-name").textContent.trim();
    const rows = all(".proof-row", said).map((row) => [...row.children].map(words).join(" "));
    return { label: mark.ariaLabel, name, rows, links: all("a", said).map((link) => link.href) };
  };

  /** Where the words in a tag lie, which may leave its box. */
  const reach = (tag) => {
    const range = document.createRange();
    range.selectNodeContents(tag);
    return range.getBoundingClientRect();
  };

  /** Press each mark that is visible: the cards that are open then, and whether they lie on the screen, words and all. */
  const popups = () =>
    shown("button.proof").map((mark) => {
      mark.scrollIntoView({ behavior: "instant", block: "center", inline: "center" });
      mark.click();
      const open = all(".proof-card:popover-open");
      const { left, right } = open[0]?.getBoundingClientRect() ?? {};
      const within = open.every((one) => left <= reach(one).left && reach(one).right <= right);
      const seen = { wanted: card(mark).name, open: open.map((one) => words(one.querySelector(".proof-name"))) };
      open.forEach((one) => one.hidePopover());
      return { ...seen, fits: within && 0 <= left && left < right && right <= innerWidth };
    });

  /** Press a button, and return what its script hands to the clipboard: the tests with a real one are few. */
  const copy = (button) => {
    let text = "nothing was copied";
    document.execCommand = () => { text = getSelection().toString(); return true; }; // prettier-ignore
    navigator.clipboard.write = ([item]) => (text = item.getType("text/plain").then((blob) => blob.text()));
    button.click();
    delete document.execCommand;
    delete navigator.clipboard.write;
    return text;
  };

  /** Copy every block, and each whole file once, in each language. */
  const copying = async (names) => {
    const seen = { copies: {}, files: [] }, known = new Set(); // prettier-ignore
    for (const name of names.length ? names : [""]) {
      if (name) await choose(name);
      seen.copies[name] = [];
      for (const button of shown(".md-code__button[data-md-type=copy]")) seen.copies[name].push(await copy(button));
      for (const button of shown("article button[data-file]")) {
        const below = button.closest("p");
        const file = below.previousElementSibling?.querySelector(".filename")?.innerText;
        if (!file || known.has(file)) continue; // the library's cards have a test of their own
        known.add(file);
        const download = shown("a[download]", below).find((one) => one.innerText === "Download")?.href ?? "";
        seen.files.push({ file, download, text: await copy(button) });
      }
    }
    return seen;
  };

  const used = async (names, copies) => {
    unfold();
    const seen = { cards: all("button.proof").map(card), popups: popups() };
    return copies ? { ...seen, ...(await copying(names)) } : seen;
  };

  window.look = { choose, copying, first, languages, plain, printed, tabs, turned, used };
}
