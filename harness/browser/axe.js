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

  /** The rules that a part of the page breaks: the name, how often, where first, and what to do. */
  window.violations = async (part) => {
    await new Promise((done) => { setTimeout(done, 50); }); // prettier-ignore -- what a click sets in motion has begun
    document.getAnimations().forEach((animation) => animation.finish());
    document.querySelectorAll("pre > code").forEach(mark);
    axe.configure({ rules: [{ id: "color-contrast", selector: ":not([data-again])" }] });
    const rules = Object.fromEntries(axe.getRules(["wcag22aa"]).map((rule) => [rule.ruleId, { enabled: true }]));
    const found = await axe.run(part, { rules, resultTypes: ["violations"] });
    return found.violations.map(({ id, nodes }) => [id, nodes.length, nodes[0].target, nodes[0].failureSummary]);
  };
}
