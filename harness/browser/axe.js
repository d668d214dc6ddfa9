// What axe objects to on a page.
{
  /** Mark the words of a block of code that look like one before them: their contrast is not measured once more. */
  const mark = (code) => {
    const known = new Set();
    for (const word of code.querySelectorAll("span")) {
      const { color, backgroundColor, fontSize, fontWeight, opacity, visibility } = getComputedStyle(word);
      const ground = word.parentElement.className;
      const looks = [color, backgroundColor, fontSize, fontWeight, opacity, visibility, ground].join();
      word.toggleAttribute("data-again", known.has(looks));
      known.add(looks);
    }
  };

  /** Take the words out of a block of code, and return what puts them back. */
  const empty = (code) => {
    const words = [...code.childNodes];
    code.replaceChildren();
    return () => code.replaceChildren(...words);
  };

  /** The rules, of all or of some, that a part of the page breaks: the name, how often, where first, what to do. */
  window.violations = async (part, some) => {
    await new Promise((done) => { setTimeout(done, 50); }); // prettier-ignore -- what a click sets in motion has begun
    document.getAnimations().forEach((animation) => animation.finish());
    const codes = [...document.querySelectorAll("pre > code")];
    const hidden = codes.filter((code) => !code.checkVisibility()); // axe leaves them out, but only after a long look
    codes.filter((code) => code.checkVisibility()).forEach(mark);
    const back = hidden.map(empty);
    const rule = { id: "color-contrast", selector: ":not([data-again])" };
    axe.configure({ rules: [rule], noHtml: true }); // nobody reads the HTML of every node that it has looked at
    const rules = Object.fromEntries(axe.getRules(["wcag22aa"]).map((rule) => [rule.ruleId, { enabled: true }]));
    const asked = some ? { runOnly: { type: "rule", values: some } } : { rules };
    const found = await axe.run(part, { ...asked, resultTypes: ["violations"] });
    back.forEach((put) => put());
    return found.violations.map(({ id, nodes }) => [id, nodes.length, nodes[0].target, nodes[0].failureSummary]);
  };
}
