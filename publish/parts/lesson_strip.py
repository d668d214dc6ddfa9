"""The lesson on a page: its sections in proportion to their minutes, and its objectives, from the lesson plan."""

from html import escape

from publish.pages.protocol import Part
from publish.parts import lesson
from publish.sources.course import Course


def render(course: Course, section: str) -> str:
    """Return what the line `::: lesson SECTION` stands for."""
    plan = lesson.load(course).data
    if section == "objectives":
        return "\n".join(f"{number}. {text}" for number, text in enumerate(plan.objectives, 1))
    rows, start = [], 0
    for part in plan.sections:
        style = f"--start: {start}; --minutes: {part.minutes}; --of: {plan.minutes}"
        rows.append(
            f'<li style="{style}"><span class="strip-title">{escape(part.title)}</span> '
            f'<span class="strip-minutes"><b>{part.minutes}</b> minute{"s" if part.minutes != 1 else ""}</span></li>'
        )
        start += part.minutes
    return f'<ol class="strip">{"".join(rows)}</ol>'


PART = Part("lesson", ("strip", "objectives"), render=render, read=lesson.load, faults=lesson.faults)
