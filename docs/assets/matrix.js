// The pattern matrix: each head that can sort becomes a button. It sorts by the ranks that the cells bear.
{
  const table = document.querySelector(".matrix");
  for (const head of table?.querySelectorAll("thead th[data-up]") ?? []) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => {
      const up = head.ariaSort !== "ascending";
      for (const other of table.querySelectorAll("[aria-sort]")) other.ariaSort = null;
      head.ariaSort = up ? "ascending" : "descending";
      const rank = (row) => (up ? 1 : -1) * row.children[head.cellIndex].dataset.rank;
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort((one, other) => rank(one) - rank(other)));
      const { up: first, down: last } = head.dataset;
      document.querySelector(".matrix-sorted").textContent = `Sorted by ${button.textContent.toLowerCase()}, ${up ? first : last}.`;
    });
    head.append(button);
  }
  if (table) table.querySelector("thead th").ariaSort = "ascending"; // as it comes
}
