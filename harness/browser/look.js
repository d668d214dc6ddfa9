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

  const choose = async (label) => {
    const choices = shown(".tabbed-labels:has(:nth-child(2)) > label");
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

  /** What axe objects to in a part of the page. */
  const violations = async (part) => {
    await pause(50); // what a click or a new width sets in motion has begun
    finish();
    const rules = Object.fromEntries(axe.getRules(["wcag22aa"]).map((rule) => [rule.ruleId, { enabled: true }]));
    const found = await axe.run(part, { rules, resultTypes: ["violations"] });
    return found.violations.map(({ id, nodes }) => [id, nodes.length, nodes[0].target, nodes[0].failureSummary]);
  };

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

  /** A page as it comes: light or heavy, steady or not, in its colours, open to everybody. */
  const first = async (names) => {
    const moved = shift();
    const found = await violations("html");
    const seen = { shift: moved(), violations: found, colours: colours(), lines: lines(), ...(await languages(names)) };
    seen.diagrams = all("figure.diagram").map((figure) => figure.innerHTML);
    return seen;
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
      shown(".tabbed-labels > label").filter((one) => one.innerText === name).forEach((one) => one.click());
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

  /** Press each mark that is visible: the cards that are open then, and whether they lie on the screen. */
  const popups = () =>
    shown("button.proof").map((mark) => {
      mark.click();
      const open = all(".proof-card:popover-open");
      const { left, right } = open[0]?.getBoundingClientRect() ?? {};
      const seen = { wanted: card(mark).name, open: open.map((one) => words(one.querySelector(".proof-name"))) };
      open.forEach((one) => one.hidePopover());
      return { ...seen, fits: 0 <= left && left < right && right <= innerWidth };
    });

  /** Press buttons one after the other, and return what the clipboard holds after each. */
  const copies = async (buttons) => {
    const texts = [];
    for (const button of buttons) {
      await navigator.clipboard.writeText("nothing was copied");
      button.click();
      let text = "nothing was copied";
      for (let turn = 0; turn < 200 && text === "nothing was copied"; turn++) {
        if (turn) await pause(10);
        text = await navigator.clipboard.readText();
      }
      texts.push(text);
    }
    return texts;
  };

  /** Copy every block, and each whole file once, in each language. */
  const copying = async (names) => {
    const seen = { copies: {}, files: [] }, known = new Set(); // prettier-ignore
    for (const name of names.length ? names : [""]) {
      if (name) await choose(name);
      seen.copies[name] = await copies(shown(".md-code__button[data-md-type=copy]"));
      for (const button of shown("button[data-file]").filter((one) => one.closest(".tabbed-block"))) {
        const block = button.closest(".tabbed-block"), file = block.querySelector(".filename").innerText; // prettier-ignore
        if (known.has(file)) continue;
        known.add(file);
        const link = shown("a[download]", block).find((one) => one.innerText === "Download");
        seen.files.push({ file, download: link?.href ?? "", text: (await copies([button]))[0] });
      }
    }
    return seen;
  };

  const used = async (names, copy) => {
    unfold();
    const seen = { cards: all("button.proof").map(card), popups: popups() };
    return copy ? { ...seen, ...(await copying(names)) } : seen;
  };

  window.look = { choose, copying, first, languages, plain, printed, unfold, used, violations };
}
