"""The MkDocs hook: stop a build on faulty sources, and add to the site the source page and the download of every file.

A hook because only a plugin can add pages without copying docs/ aside, which would break live reload.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import BuildError
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

from publish.pages.check import check
from publish.pages.expand import LINE_ANCHOR, Expander
from publish.pages.protocol import EXTENSION, Site
from publish.parts.table import PARTS
from publish.sources.course import Course
from publish.sources.languages import LANGUAGES


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give the Markdown extension a fresh look at the disk for this build, unless it has one."""
    if EXTENSION not in config.mdx_configs:
        course = Course(Path(config.config_file_path).parent)
        config.mdx_configs[EXTENSION] = {"expander": Expander(course, PARTS)}
    return config


def course_of(config: MkDocsConfig) -> Course:
    """Return the course that this build is of."""
    expander: Expander = config.mdx_configs[EXTENSION]["expander"]
    return expander.course


def site_of(config: MkDocsConfig) -> Site:
    """Return what the parts may know of the site."""
    name, description = str(config.site_name), str(config.site_description)
    return Site(name, description, in_order(config.nav), PARTS, config.markdown_extensions, config.mdx_configs)


def in_order(nav: Any) -> dict[str, int]:
    """Return the place of each page in the navigation, which comes as lists in mappings in lists."""
    entries = [value for entry in nav or [] for value in (entry.values() if isinstance(entry, dict) else [entry])]
    paths = [path for entry in entries for path in (in_order(entry) if isinstance(entry, list) else [entry])]
    return {path: place for place, path in enumerate(paths)}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add generated files, once the sources are known to be sound."""
    course = course_of(config)
    faults = check(course, PARTS)
    if faults:
        raise BuildError("the sources have faults:\n" + "\n".join(map(str, faults)))
    for snippet in course.snippets.files:
        files.append(File.generated(config, snippet.path, content=snippet.whole))
        files.append(source_page(config, snippet.path, snippet.text))
    for path, text in course.tests.items():
        files.append(source_page(config, path, text))
    for part in PARTS:
        for path, content in part.pages(course, site_of(config)).items():
            files.append(File.generated(config, path, content=content))
    return files


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> Environment:
    """Give the templates what the parts have for them."""
    for part in PARTS:
        env.globals.update(part.globals(course_of(config)))
    return env


def on_serve(server: Any, config: MkDocsConfig, builder: Callable[[], None]) -> Any:
    """While the sources have faults, report them and go on serving the last good site; MkDocs would answer nothing."""
    root = Path(config.config_file_path).parent

    def rebuild() -> None:
        faults = check(Course(root), PARTS)
        if faults:
            print(*faults, sep="\n", file=sys.stderr, flush=True)
        else:
            builder()

    server.builder = rebuild
    return server


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Keep the tabs' labels out of the search index, and an anchor for each line of code to the listings."""
    if not page.file.src_uri.startswith("source/"):
        html = LINE_ANCHOR.sub("", html)
    return html.replace('<div class="tabbed-labels">', '<div class="tabbed-labels" data-search-exclude>')


def source_page(config: MkDocsConfig, path: str, text: str) -> File:
    """Return the page that shows a whole file with an anchor for each line."""
    folder, _, name = path.rpartition("/")
    fence = "`" * 10  # longer than any that a test file holds
    lexer = LANGUAGES[Path(path).suffix].lexer
    head = f"---\ntitle: {name}\nsearch:\n  exclude: true\nhide: [navigation, toc]\n---\n\n# {name}\n\n`{folder}/`\n\n"
    page = f'{head}{fence}{lexer} linenums="1"\n{text.rstrip()}\n{fence}\n'
    return File.generated(config, f"source/{path}.md", content=page, inclusion=InclusionLevel.NOT_IN_NAV)
