// The quiz: two tries for each question, then the answer with its reasons, and a score by objective.
{
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const button = (text, onclick, kind = "") => make("button", { type: "button", className: `quiz-button ${kind}`, onclick }, text);
  const equal = (one, other) => one.length === other.length && one.every((value, at) => value === other[at]);
  const store = (use) => {
    try {
      return use(localStorage);
    } catch {
      return null; // no storage here, or nothing that we wrote
    }
  };

  const ask = (box) => {
    const { question, hash, type } = box.dataset;
    const name = `quiz:${question}`;
    const ordered = type === "order";
    const list = box.querySelector(".quiz-options");
    const shown = [...list.children];
    const rows = ordered ? [...shown].sort((a, b) => a.dataset.step - b.dataset.step) : shown;
    const inputs = [...list.querySelectorAll("input")];
    const whys = [...box.querySelectorAll(".quiz-why")];
    const right = [...rows.keys()].filter((at) => ordered || whys[at].dataset.right === "true");
    let tries = []; // at most two, each a list of options or of steps

    const said = (last) => {
      if (!last.length) return "";
      if (equal(last, right)) return tries.length === 1 ? "Right." : "Right, at the second try.";
      if (tries.length === 2) return "Not right. Here is the answer, and why.";
      const step = last.findIndex((at, place) => at !== place) + 1;
      if (ordered) return `Not right yet: step ${step} is the first out of place. Try once more.`;
      if (last.every((at) => right.includes(at))) return "Right so far, but something is missing. Try once more.";
      return "Not right yet. Read why below your choice, then try once more.";
    };

    const show = () => {
      const last = tries.at(-1) ?? [];
      const correct = equal(last, right);
      Object.assign(one, { won: correct && tries.length === 1, done: correct || tries.length === 2 });
      if (ordered) list.append(...(last.length ? last.map((at) => rows[at]) : shown));
      rows.forEach((row, at) => {
        const fits = ordered ? last[at] === at : right.includes(at);
        const missed = !fits && last.includes(at) && (one.done || !ordered);
        row.classList.toggle("right", one.done && fits);
        row.classList.toggle("wrong", missed);
        if (!ordered) whys[at].hidden = !one.done && !missed;
      });
      inputs.forEach((input, at) => Object.assign(input, { checked: last.includes(at), disabled: one.done }));
      limit();
      check.hidden = one.done;
      again.hidden = key.hidden = !one.done;
      says.className = `quiz-says ${one.done ? (correct ? "right" : "wrong") : ""}`;
      says.textContent = said(last);
    };

    const fits = (picked) => {
      if (!Array.isArray(picked) || !picked.every((at) => at in rows && Number.isInteger(at))) return false;
      const many = ordered ? rows.length : type === "multiple" ? picked.length || 1 : 1;
      return picked.length === many && new Set(picked).size === many;
    };
    const load = () => {
      const stored = store((all) => JSON.parse(all.getItem(name)));
      tries = stored?.hash === hash && Array.isArray(stored.tries) ? stored.tries : [];
      if (tries.length > 2 || !tries.every(fits) || (tries.length === 2 && equal(tries[0], right))) tries = [];
      if (!tries.length) store((all) => all.removeItem(name));
      show();
    };
    const reset = () => {
      store((all) => all.removeItem(name));
      load();
    };
    const restart = () => {
      reset();
      tally();
      box.scrollIntoView();
      list.querySelector("input, button:enabled").focus({ preventScroll: true });
    };

    const answer = () => {
      const picked = ordered ? [...list.children].map((row) => rows.indexOf(row)) : [...rows.keys()].filter((at) => inputs[at].checked);
      if (!picked.length) return void (says.textContent = "Choose an answer first.");
      tries.push(picked);
      store((all) => all.setItem(name, JSON.stringify({ hash, tries })));
      show();
      tally();
      if (result?.firstChild) says.append(" ", toScore());
      if (one.done) says.focus({ preventScroll: true }); // the button that had the focus is gone
    };

    const limit = () => {
      for (const row of ordered ? rows : []) {
        const [up, down] = row.querySelectorAll("button");
        up.disabled = one.done || !row.previousElementSibling;
        down.disabled = one.done || !row.nextElementSibling;
      }
    };
    const mover = (row, up) => {
      const words = row.querySelector("span").textContent;
      const move = button(up ? "↑" : "↓", () => {
        if (up) row.previousElementSibling.before(row);
        else row.nextElementSibling.after(row);
        limit();
        (move.disabled ? row.querySelector("button:enabled") : move).focus(); // what moves loses the focus
        says.textContent = `“${words}” is now step ${[...list.children].indexOf(row) + 1}.`;
      }, "quiz-move");
      move.ariaLabel = `Move ${up ? "up" : "down"}: ${words}`;
      return move;
    };

    const folded = box.querySelector(".quiz-answer");
    folded.querySelector("summary").remove();
    whys.forEach((why, at) => rows[at].append(why));
    folded.querySelector(".quiz-reasons")?.remove();
    const key = make("div", { className: "quiz-key" }, ...folded.childNodes);
    const says = make("p", { className: "quiz-says", role: "status", ariaLive: "polite", tabIndex: -1 });
    const check = button("Check", answer, "quiz-check");
    const again = button("Ask again", restart);
    folded.replaceWith(make("div", { className: "quiz-controls" }, check, again, says), key);
    if (ordered) rows.forEach((row) => row.append(mover(row, true), mover(row, false)));
    const one = { ...box.dataset, link: key.lastElementChild.querySelector("a"), load, reset, restart };
    load();
    return one;
  };

  const questions = [...document.querySelectorAll(".quiz")].map(ask);
  const [progress, result] = document.querySelectorAll("#quiz-progress, #quiz-result"); // where all are asked
  const toScore = () => make("a", { href: "#quiz-score" }, "See your score");

  const tally = () => {
    if (!result) return;
    const done = questions.filter((one) => one.done).length;
    progress.textContent = `${done} of ${questions.length} answered. Your answers stay in this browser.`;
    result.replaceChildren();
    if (done < questions.length) return;

    const misses = questions.filter((one) => !one.won);
    const won = `${done - misses.length} of ${done} right at the first try. `;
    progress.replaceChildren(won, toScore());
    const goals = [...new Set(questions.map((one) => one.objective))].sort();
    const scores = goals.map((goal) => {
      const group = questions.filter((one) => one.objective === goal);
      const right = group.filter((one) => one.won).length;
      const bar = make("i");
      bar.style.setProperty("--part", right / group.length);
      return make("li", {}, group[0].goal, make("b", {}, ` ${right} of ${group.length}`), bar);
    });
    result.append(make("h2", { id: "quiz-score" }, "Your score"), make("p", {}, won));
    result.append(make("ul", { className: "quiz-scores" }, ...scores));
    const again = (some) => () => {
      some.forEach((one) => one.reset());
      some[0].restart();
    };
    if (misses.length) {
      const links = new Map(misses.map(({ link }) => [link.href, make("li", {}, link.cloneNode(true))]));
      result.append(make("h3", {}, "Read again"), make("ul", {}, ...links.values()));
      result.append(button("Retry the misses", again(misses), "quiz-check"));
    }
    result.append(button("Start over", again(questions)));
  };

  tally();
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return; // from the browser's cache, older than what is stored
    questions.forEach((one) => one.load());
    tally();
  });
}
