"""The decision tree as a page shows it: a diagram, nested lists, the leaves in full, and room for the script."""

from collections.abc import Iterator
from html import escape

from publish.pages.protocol import Part
from publish.parts.tree import DATA, Leaf, Tree, read
from publish.sources.course import Course
from publish.sources.files import Text
from publish.sources.headings import link


def render(course: Course, section: str) -> str:
    """Return what the line `::: tree SECTION` stands for."""
    tree = read(course).data
    if section == "leaves":
        parts = "\n".join(answered(course, tree, one) for one in tree.leaves.values())
        return f'<div class="tree-leaves" markdown="block">\n{parts}\n</div>'
    return {"diagram": diagram, "steps": steps, "words": words}[section](tree)


def diagram(tree: Tree) -> str:
    """Return the tree as a Mermaid fence."""
    # Not the ids, for `end` is a word of Mermaid's.
    names = {id: f"n{place}" for place, id in enumerate((*tree.questions, *tree.leaves))}
    lines = ["flowchart TD", f"  accTitle: {tree.title}", f"  accDescr: {tree.description}"]
    for asked in tree.questions.values():
        lines.append(f'  {names[asked.id]}("{asked.short}")')
        ways: dict[str, list[str]] = {}
        for answer in asked.answers:
            ways.setdefault(answer.to, []).append(answer.short)
        for to, some in ways.items():
            lines.append(f'  {names[asked.id]} -- "{", ".join(dict.fromkeys(some))}" --> {names[to]}')
    lines += [f'  {names[one.id]}(["{one.name}"]):::accent' for one in tree.leaves.values()]
    return "\n".join(["```mermaid", *lines, "```"])


def steps(tree: Tree) -> str:
    """Return the place where the script asks one question at a time."""
    deepest = max(len(path) for path in tree.paths())
    return f'<form class="tree-steps" aria-label="{escape(tree.title)}" data-deepest="{deepest}"></form>'


def words(tree: Tree) -> str:
    """Return the whole tree as lists in lists, which the script reads too."""
    return f'<div class="tree" markdown="block">\n{asked(tree, next(iter(tree.questions)))}\n</div>'


def asked(tree: Tree, id: str) -> str:
    """Return a question with its answers and what follows them, or a leaf."""
    if id in tree.leaves:
        return f'<p class="tree-leaf"><a href="#{id}">{escape(tree.leaves[id].name)}</a></p>'
    rows = "\n".join(
        f'<li data-answer="{one.id}"><span class="tree-text">{escape(one.text)}</span>\n{asked(tree, one.to)}\n</li>'
        for one in tree.questions[id].answers
    )
    return f'<p class="tree-ask">{escape(tree.questions[id].ask)}</p>\n<ul class="tree-branch">\n{rows}\n</ul>'


def answered(course: Course, tree: Tree, one: Leaf) -> str:
    """Return a leaf in full."""

    def rows(reasons: dict[str, str]) -> str:
        named = ((other.name, reasons[id]) for id, other in tree.leaves.items() if id in reasons)
        items = "\n".join(f'<dt>{escape(name)}</dt>\n<dd markdown="span">{why}</dd>' for name, why in named)
        return f'<dl markdown="block">\n{items}\n</dl>'

    beside = f'<p class="tree-label">Combine it with</p>\n{rows(one.beside)}\n' if one.beside else ""
    return f"""<section class="tree-answer" markdown="block">

### {escape(one.name)} {{: #{one.id} tabindex="-1" }}

<p markdown="span">{one.why}</p>
<p markdown="span">Read on: {link(course, one.page)}</p>
{beside}<p class="tree-label">Why not the others</p>
{rows(one.instead)}
</section>"""


def diagrams(course: Course) -> Iterator[Text]:
    """Yield its diagram, unless there is no sound tree to draw."""
    tree, faults, _ = read(course)
    if tree.questions and not faults:
        yield Text(DATA, 1, diagram(tree))


SECTIONS = ("steps", "diagram", "words", "leaves")
PART = Part("tree", SECTIONS, render=render, read=read, diagrams=diagrams)
