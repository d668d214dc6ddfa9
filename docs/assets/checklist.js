// The checklist: each line gets a box; ticks are kept in the browser, and counted aloud.
{
  const list = document.querySelector(".ticks");
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const stored = (use) => {
    try {
      return use(localStorage);
    } catch {
      return null; // no storage here, or nothing that we wrote
    }
  };

  if (list) {
    const boxes = [...list.querySelectorAll("li > strong:first-child")].map((words) => {
      const box = make("input", { type: "checkbox", name: words.textContent });
      const label = make("label", {});
      words.replaceWith(label);
      label.append(box, words);
      return box;
    });
    const meter = make("progress", { max: boxes.length, ariaLabel: "Progress" });
    const words = make("span", { role: "status" });
    const clear = make("button", { type: "button", textContent: "Clear all" });
    const show = () => {
      const done = boxes.filter((box) => box.checked);
      meter.value = done.length;
      words.textContent = `${done.length} of ${boxes.length} done`;
      clear.hidden = done.length === 0;
      // by their words, so that a line that is added later shifts no tick
      return JSON.stringify(done.map((box) => box.name));
    };
    const keep = () => {
      const ticks = show();
      stored((storage) => storage.setItem("ticks", ticks));
    };
    const kept = [stored((storage) => JSON.parse(storage.getItem("ticks")))].flat();
    for (const box of boxes) {
      box.checked = kept.includes(box.name);
      box.addEventListener("change", keep);
    }
    clear.addEventListener("click", () => {
      for (const box of boxes) box.checked = false;
      keep();
      boxes[0].focus();
    });
    document.querySelector(".ticks-bar").append(meter, words, clear);
    show();
  }
}
