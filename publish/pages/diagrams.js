// Runs in the browser: draw one diagram, then strip its SVG of all that a page does not need.
// Called by diagrams.py with [id, source, style]; answers [what Mermaid has against it, the SVG].
async ([id, source, themeCSS]) => {
  mermaid.initialize({
    theme: "base", themeCSS, themeVariables: {fontSize: "14px"}, fontFamily: '"DejaVu Sans"', htmlLabels: false,
    startOnLoad: false, suppressErrorRendering: true, deterministicIds: true, handDrawnSeed: 1,
    flowchart: {nodeSpacing: 28, rankSpacing: 36, padding: 12, diagramPadding: 4},
    sequence: {mirrorActors: false, width: 110, height: 40, actorMargin: 30, messageMargin: 28, boxMargin: 8,
      diagramMarginX: 4, diagramMarginY: 14, actorFontSize: 14, noteFontSize: 14, messageFontSize: 14},
  });
  try { document.body.innerHTML = (await mermaid.render(id, source)).svg } catch (error) { return [error.message, ""] }
  const svg = document.querySelector("svg"), box = svg.viewBox.baseVal, all = pick => [...svg.querySelectorAll(pick)];
  for (const shape of all("g.outer-path")) { // a stadium comes as 43 kB of pen strokes
    const path = shape.querySelector("path"), {x, y, width, height} = path.getBBox();
    if (Math.abs(path.getTotalLength() - 2 * (width - height) - Math.PI * height) < 2)
      shape.innerHTML = `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${height / 2}"/>`;
  }
  for (const e of all("rect:is(.basic, .actor, .note), .cluster rect")) ["rx", "ry"].map(r => e.setAttribute(r, 6));
  for (const e of all(".actor-line")) e.setAttribute("y2", box.y + box.height); // it comes down to 2000
  for (const e of all("tspan > tspan[font-weight=normal][font-style=normal]")) e.replaceWith(e.textContent);
  const refers = id => svg.outerHTML.match(`"(url\\()?#${id}[")]`);
  const idle = e => e.matches("marker, symbol, filter, linearGradient") ? !refers(e.id) : e.matches("rect:not([width])")
    || e.matches("g, defs, text, tspan") && !e.children.length && !e.textContent.trim();
  for (let found; (found = all("*").filter(idle)).length;) found.forEach(e => e.remove());
  const style = svg.querySelector("style"), css = [...style.sheet.cssRules].filter(rule => rule.style).map(rule => {
    const picks = rule.selectorText.split(/, (?![^(]*\))/).filter(pick => document.querySelector(pick));
    for (const name of ["color", "background-color", "text-align"]) rule.style.removeProperty(name);
    return picks.length && rule.style.length ? `${picks}{${rule.style.cssText}}` : "";
  }).join("").replace(/([{:;,]) | (?=[{!])|;(?=})/g, "$1");
  style.textContent = css.replaceAll('"DejaVu Sans"', 'Verdana,"DejaVu Sans",sans-serif');
  for (const e of [svg, ...all("*")]) for (const {name, value} of [...e.attributes]) {
    const kept = name === "class" ? value.split(/\s+/).filter(word => css.match(`\\.${word}(?![\\w-])`)).join(" ")
      : name === "id" ? (e === svg || refers(value) ? value : "")
      : name === "style" ? value.replace(/font-(family|size|weight): [^;]+;?/g, "").replace(/^[ ;]+$/, "")
      : /^(data-.*|aria-.*|name|alignment-baseline|xmlns:.*)$/.test(name) ? ""
      : value.replace(/-?\d*\.\d+/g, number => +(+number).toFixed(1));
    kept ? e.setAttribute(name, kept) : e.removeAttribute(name);
  }
  const wide = box.width.toFixed(1), size = `max-width:${+wide}px;min-width:${Math.floor(wide * 0.7)}px`; // 10 px text
  const words = {role: "img", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-desc`};
  for (const [name, value] of Object.entries({...words, style: size})) svg.setAttribute(name, value);
  for (const name of ["title", "desc"]) svg.querySelector(name).id = `${id}-${name}`;
  const text = new XMLSerializer().serializeToString(svg).replace(/[ \t\n]+/g, " ");
  return ["", text.replace(/<\/(title|desc|text)>/g, "$& ")]; // so that the site's search does not glue words together
}
