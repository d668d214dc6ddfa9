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
from publish.pages.expand import LINE_ANCHOR, Press
from publish.parts import deck, handout, quiz
from publish.parts import library_page as library
from publish.sources import languages


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give the Markdown extension a fresh look at the disk for this build."""
    root = Path(config.config_file_path).parent
    config.mdx_configs["publish.pages.expand"] = {"press": Press(root)}
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add generated files, once the sources are known to be sound."""
    root = Path(config.config_file_path).parent
    faults = check(root)
    if faults:
        raise BuildError("the sources have faults:\n" + "\n".join(map(str, faults)))
    press = config.mdx_configs["publish.pages.expand"]["press"]
    for snippet in press.library.snippets:
        files.append(File.generated(config, snippet.path, content=snippet.whole))
        files.append(source_page(config, snippet.path, snippet.text))
    for path in sorted({proof.path for found in press.proofs.values() for proof in found}):
        files.append(source_page(config, path, (root / path).read_text("utf-8")))
    for part in (library, quiz, deck):
        for path, content in part.pages(press, config).items():
            files.append(File.generated(config, path, content=content))
    if (root / handout.FILE).exists():
        files.append(File.generated(config, handout.TARGET, abs_src_path=str(root / handout.FILE)))
    return files


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> Environment:
    """Tell the templates which slide each page is presented from."""
    env.globals["first_slides"] = deck.first_slides(Path(config.config_file_path).parent)
    return env


def on_serve(server: Any, config: MkDocsConfig, builder: Callable[[], None]) -> Any:
    """While the sources have faults, report them and go on serving the last good site; MkDocs would answer nothing."""
    root = Path(config.config_file_path).parent

    def rebuild() -> None:
        faults = check(root)
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
    lexer = languages.of(path).lexer
    head = f"---\ntitle: {name}\nsearch:\n  exclude: true\nhide: [navigation, toc]\n---\n\n# {name}\n\n`{folder}/`\n\n"
    page = f'{head}{fence}{lexer} linenums="1"\n{text.rstrip()}\n{fence}\n'
    return File.generated(config, f"source/{path}.md", content=page, inclusion=InclusionLevel.NOT_IN_NAV)
