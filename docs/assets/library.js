// The snippet library: filter by language and topic, copy a file. The address holds the filter, so it can be shared.
const filter = document.querySelector(".library-filter");
if (filter) {
  const programs = [...document.querySelectorAll(".program")];
  const names = ["language", "topic"];

  const show = () => {
    const wanted = names.map((name) => [name, filter.elements[name].value]).filter(([, value]) => value);
    for (const program of programs)
      program.hidden = !wanted.every(([name, value]) => program.dataset[name] === value);
    for (const topic of document.querySelectorAll(".topic")) topic.hidden = !topic.querySelector(".program:not([hidden])");
    const found = programs.filter((program) => !program.hidden).length;
    const all = programs.length;
    const text = found === all ? `All ${all} programs` : found ? `${found} of ${all} programs` : "No program. Choose All.";
    const output = filter.querySelector("output");
    if (output.textContent !== text) output.textContent = text;
    return wanted;
  };

  const asked = new URLSearchParams(location.search);
  for (const name of names) {
    filter.elements[name].value = asked.get(name) ?? "";
    if (filter.elements[name].selectedIndex < 0) filter.elements[name].value = ""; // an old link
  }
  show();
  filter.addEventListener("change", () => {
    const wanted = new URLSearchParams(show()).toString();
    history.replaceState(history.state, "", (wanted ? `?${wanted}` : location.pathname) + location.hash);
  });
  filter.addEventListener("submit", (event) => event.preventDefault());

  // All texts come as one script, when one is first wanted: a page on file:// may load nothing else.
  let loading;
  const text = async (path) => {
    loading ??= new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: "all.js", onload: resolve });
      script.onerror = () => reject(new Error("all.js could not be loaded"));
      document.head.append(script);
    });
    await loading;
    return new Blob([window.courseFiles[path]], { type: "text/plain" });
  };

  for (const button of document.querySelectorAll("button[data-file]")) {
    const { file } = button.dataset;
    button.addEventListener("click", async () => {
      // A promise, since Safari allows to write only at once.
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": text(file) })]);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    button.parentElement.querySelector("a[download]").addEventListener("click", async (event) => {
      if (location.protocol !== "file:") return;
      event.preventDefault(); // There a browser would show the file in place of saving it.
      const href = URL.createObjectURL(await text(file));
      Object.assign(document.createElement("a"), { href, download: file.split("/").pop() }).click();
    });
  }
}
