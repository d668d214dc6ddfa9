"""The lesson on a page: its sections in proportion to their minutes, and its objectives, from the lesson plan."""

from html import escape
from pathlib import Path

from publish.parts import lesson


def render(root: Path, section: str) -> str:
    """Return what the line `::: lesson SECTION` stands for."""
    plan, _ = lesson.load(root)
    if section == "objectives":
        return "\n".join(f"{number}. {text}" for number, text in enumerate(plan.objectives, 1))
    rows, start = [], 0
    for part in plan.sections:
        minutes = part["minutes"]
        style = f"--start: {start}; --minutes: {minutes}; --of: {plan.minutes}"
        rows.append(
            f'<li style="{style}"><span class="strip-title">{escape(part["title"])}</span> '
            f'<span class="strip-minutes"><b>{minutes}</b> minute{"s" if minutes != 1 else ""}</span></li>'
        )
        start += minutes
    return f'<ol class="strip">{"".join(rows)}</ol>'
