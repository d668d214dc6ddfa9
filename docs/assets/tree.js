// The decision tree, one question at a time. The list on the page is its source, the address holds the answers.
{
  const form = document.querySelector(".tree-steps");
  const home = document.querySelector(".tree-leaves");
  const leaves = [...document.querySelectorAll(".tree-answer")];
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const part = (at, pick) => at.querySelector(`:scope > ${pick}`);
  const go = (ids) => (location.hash = `path=${ids.join(".")}`);
  const button = (text, ids, className) => make("button", { type: "button", className, onclick: () => go(ids) }, text);
  const says = make("p", { className: "tree-says", role: "status" });
  const box = make("div", {});

  const show = (focus) => {
    const ids = [];
    const trail = [];
    let at = document.querySelector(".tree");
    for (const id of location.hash.slice(6).split(".")) {
      const next = part(at, `ul > [data-answer="${CSS.escape(id)}"]`);
      if (!next) break; // an old link: as far as it leads
      ids.push(id);
      trail.push(make("li", { className: "tree-said" }, `${part(at, ".tree-ask").textContent} `, make("b", {}, part(next, ".tree-text").textContent)));
      at = next;
    }
    home.append(...leaves); // where the last one that was shown belongs
    box.replaceChildren();
    if (trail.length) box.append(make("ol", { className: "tree-trail" }, ...trail));

    const leaf = part(at, ".tree-leaf a");
    const section = leaf && document.getElementById(leaf.hash.slice(1)).parentElement;
    let target = section?.firstElementChild; // its heading
    for (const { firstElementChild: heading } of leaves) heading.ariaLevel = heading === target ? 2 : 3;
    if (section) box.append(section);
    else {
      target = make("legend", { tabIndex: -1 }, make("small", {}, `Question ${ids.length + 1}, of at most ${form.dataset.deepest}`), part(at, ".tree-ask").textContent);
      const answers = [...part(at, "ul").children].map((row) => button(part(row, ".tree-text").textContent, [...ids, row.dataset.answer], "tree-choice"));
      box.append(make("fieldset", {}, target, ...answers));
    }
    if (ids.length) box.append(make("p", { className: "tree-ways" }, button("Back", ids.slice(0, -1)), button("Start again", [])));
    says.textContent = section ? `The answer: ${leaf.textContent}.` : "";
    if (focus) target.focus();
  };

  if (form) {
    form.append(box, says);
    addEventListener("hashchange", () => location.hash.startsWith("#path=") && show(true));
    show();
  }
}
