// The pattern matrix: each head that can sort becomes a button. It sorts by the ranks that the cells bear.
{
  const table = document.querySelector(".matrix");
  for (const head of table?.querySelectorAll("[data-up]") ?? []) {
    const title = head.textContent;
    const button = Object.assign(document.createElement("button"), { type: "button", className: "matrix-head", textContent: title });
    button.addEventListener("click", () => {
      const up = head.ariaSort !== "ascending";
      for (const other of table.querySelectorAll("[aria-sort]")) other.ariaSort = null;
      head.ariaSort = up ? "ascending" : "descending";
      const rank = (row) => (up ? 1 : -1) * row.children[head.cellIndex].dataset.rank;
      const body = table.tBodies[0];
      body.append(...[...body.rows].sort((one, other) => rank(one) - rank(other)));
      const words = up ? head.dataset.up : head.dataset.down;
      document.querySelector(".matrix-sorted").textContent = `Sorted by ${title.toLowerCase()}, ${words}.`;
    });
    head.replaceChildren(button);
  }
}
