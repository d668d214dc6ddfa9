"""The quiz: the page that asks all questions, and the check question of a topic page."""

import html

from publish.pages.protocol import Part, Site
from publish.parts import lesson, questions
from publish.parts.questions import FOLDER, Option, Question
from publish.sources.course import Course
from publish.sources.files import digest
from publish.sources.headings import link

PAGE = "quiz/index.md"


def question(course: Course, id: str, number: int = 0) -> str:
    """Return a question as Markdown that is to be expanded: with its number, or without one where that is 0."""
    asked = questions.by_id(course)[id]
    goal = html.escape(lesson.load(course).data.objectives[int(asked.objective) - 1])
    head = f'<span class="quiz-number">Question {number}</span> ' if number else ""
    return f"""
<div class="quiz" id="question-{id}" data-question="{id}" data-hash="{asked.hash}" data-type="{asked.type}" \
data-objective="{asked.objective}" data-goal="{goal}" markdown="block">
<fieldset markdown="block">
<legend markdown="span">{head}{asked.ask}</legend>

{traced(course, asked)}

<ul class="quiz-options" data-search-exclude="" markdown="block">
{steps(asked) if asked.type == "order" else options(asked)}
</ul>

</fieldset>

<details class="quiz-answer" data-search-exclude="" markdown="block">
<summary>Answer and why</summary>

{solution(asked) if asked.type == "order" else reasons(asked)}

<p markdown="span">Read again: {link(course, asked.page)}</p>

</details>
</div>
"""


def traced(course: Course, asked: Question) -> str:
    """Return what a traced question shows: the code, and what the program has printed before the line asked for."""
    show = f"::: {asked.program} {asked.show}\n\n" if asked.show else ""
    before = course.snippets.outputs[asked.program].splitlines()[: int(asked.line) - 1] if asked.program else []
    if not before:
        return show
    lines = "<br>\n".join(literal(line) for line in before)
    said = f"It has printed so far:<br>\n{lines}"
    return f'{show}<p class="quiz-printed" data-search-exclude="" markdown="span">{said}</p>'


def literal(text: str) -> str:
    """Return a text as inline code, whatever is in it."""
    return f"<code>{html.escape(text)}</code>" if "`" in text else f"`{text}`"


def options(asked: Question) -> str:
    """Return the answers to choose from."""
    kind = "checkbox" if asked.type == "multiple" else "radio"
    return "\n".join(
        f'<li markdown="span"><label><input type="{kind}" name="{asked.id}" autocomplete="off"> '
        f"<span>{answer(asked, option)}</span></label></li>"
        for option in asked.options
    )


def answer(asked: Question, option: Option) -> str:
    """Return the text of an option; in a traced question it is output."""
    return literal(option.text) if asked.type == "trace" else option.text


def reasons(asked: Question) -> str:
    """Return all options with what explains them. The script moves each reason below its option."""
    rows = "\n".join(
        f'<li markdown="span">{answer(asked, option)} <span class="quiz-why" data-right="{str(option.right).lower()}">'
        f"**{'Right' if option.right else 'Wrong'}.** {option.why}</span></li>"
        for option in asked.options
    )
    return f'<ul class="quiz-reasons" markdown="block">\n{rows}\n</ul>'


def shuffled(asked: Question) -> list[int]:
    """Return the order in which steps are shown: the same on every page, and never the right one."""
    right = list(range(len(asked.steps)))
    order = sorted(right, key=lambda step: digest(f"{asked.id} {step}"))
    return order if order != right else order[::-1]


def steps(asked: Question) -> str:
    """Return the steps to be put in order."""
    rows = ((step, asked.steps[step]) for step in shuffled(asked))
    return "\n".join(f'<li data-step="{step}" markdown="span"><span>{text}</span></li>' for step, text in rows)


def solution(asked: Question) -> str:
    """Return the steps in their right order, and why."""
    rows = "\n".join(f'<li markdown="span">{text}</li>' for text in asked.steps)
    return f'<ol markdown="block">\n{rows}\n</ol>\n\n<p markdown="span">{asked.why}</p>'


def in_order(course: Course, site: Site) -> list[str]:
    """Return the ids of all questions in the order in which the quiz asks them: that of their pages."""
    asked = questions.by_id(course).values()
    last = len(site.order)
    return [one.id for one in sorted(asked, key=lambda one: site.order.get(questions.page_of(one.file), last))]


def pages(course: Course, site: Site) -> dict[str, str]:
    """Return the page that asks all questions."""
    ids = in_order(course, site)
    if not ids:
        return {}
    asked = "\n".join(question(course, id, number) for number, id in enumerate(ids, 1))
    many = len(ids)
    return {
        PAGE: f"""---
title: Quiz
description: {many} questions on the course, each with the reasons for every answer.
---

# Quiz

{many} questions. Every answer is explained, the wrong ones too. Where a program is traced, the key is what it printed.
{{: .lead }}

<p class="quiz-progress" id="quiz-progress">0 of {many} answered. Your answers stay in this browser.</p>

<noscript><style>.quiz-progress {{ display: none }}</style></noscript>

{asked}
<div id="quiz-result"></div>
"""
    }


PART = Part(
    "quiz",
    ids=questions.by_id,
    unknown=f"{FOLDER} has no question {{section}}",
    render=question,
    read=questions.read,
    faults=questions.faults,
    pages=pages,
)
