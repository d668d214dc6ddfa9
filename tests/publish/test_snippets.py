"""The sections of a snippet, and what of it a reader keeps."""

import pytest

from publish.sources import snippets

NESTED = """class A:
    // --8<-- [start:page]
    one

    // --8<-- [start:slide]
    two
    // --8<-- [end:slide]

    three
    // --8<-- [start:last]
    four
    // --8<-- [end:last]
    // --8<-- [end:page]
"""


def test_section_may_lie_inside_another() -> None:
    snippet, faults = snippets.parse("snippets/a.mjs", NESTED)
    assert faults == []
    assert {name: section.code for name, section in snippet.sections.items()} == {
        "slide": "two",
        "last": "four",
        "page": "one\n\ntwo\n\nthree\nfour",
    }
    assert snippet.sections["page"][:2] == (3, 11)


@pytest.mark.parametrize("path", ["snippets/a.py", "snippets/a.cs", "snippets/a.mjs"])
def test_markers_are_never_shown(path: str) -> None:
    text = NESTED.replace("//", "#") if path.endswith("py") else NESTED
    snippet, faults = snippets.parse(path, text)
    assert faults == []
    assert snippet.whole == "class A:\n    one\n\n    two\n\n    three\n    four\n"
    assert not [section.code for section in snippet.sections.values() if snippets.MARK in section.code]
    marked = [text.splitlines()[section.marker - 1] for section in snippet.sections.values()]
    assert all(f"[start:{name}]" in line for name, line in zip(snippet.sections, marked, strict=True))


def test_functions_of_python_stay_two_lines_apart() -> None:
    text = "# --8<-- [start:b]\na\n\n\n# --8<-- [start:a]\nb\n\n\n# --8<-- [end:a]\n\n\nc\n# --8<-- [end:b]\n"
    snippet, _ = snippets.parse("snippets/a.py", text)
    assert snippet.sections["b"].code == "a\n\n\nb\n\n\nc"
