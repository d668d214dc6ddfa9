// The snippet library: filter by language and topic. The address holds the filter, so it can be shared.
{
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
      const text = found === all ? `All ${all} files` : found ? `${found} of ${all} files` : "No file. Choose All.";
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
      try {
      history.replaceState(history.state, "", (wanted ? `?${wanted}` : location.pathname) + location.hash);
    } catch {
      // refused, as to a page without an origin: the address stays as it is
    }
    });
    filter.addEventListener("submit", (event) => event.preventDefault());
  }
}
