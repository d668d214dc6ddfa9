"""MkDocs, and all that is known of it: it builds the site, and serves it with live reload while it is edited.

A plugin because only one can add pages without copying docs/ aside, and leave out the work on pages that were kept.
"""

import functools
import html
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")  # we stay below MkDocs 2 on purpose: see the README

import jinja2
import mkdocs.commands.build
import mkdocs.config
from mkdocs.commands.build import get_context
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import MkDocsException
from mkdocs.livereload import LiveReloadServer
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import get_toc

from publish.pages.expand import LINE_ANCHOR, Expander
from publish.pages.kept import FOLDER, Kept, Record, digest, machine
from publish.pages.origin import line_of
from publish.pages.protocol import Part, Site
from publish.pages.side_by_side import processors, side_by_side
from publish.sources import languages
from publish.sources.course import Course
from publish.sources.files import Fault, read_text

CONFIG = "mkdocs.yml"
LISTINGS = "source/"  # where the pages lie that show a whole file
OPTION = re.compile(r"Config value '(\w+)'")  # what MkDocs says of an option
LINK = re.compile(r"Doc file '(?P<page>.+?)' contains .*?'(?P<target>.+?)'")  # what it says of a link


def build(course: Course, parts: tuple[Part, ...], target: Path, url: str = "") -> list[Fault]:
    """Build the site into `target`, to be served at `url` if that is given. Return what MkDocs has against it."""
    text, faults = read_text(course.root, CONFIG)
    if faults:
        return faults
    warnings = Warnings({**course.pages, CONFIG: text})
    logging.getLogger("mkdocs").addHandler(warnings)
    try:
        config = configured(course.root, target)
        if url:
            config.site_url = ""  # no page names the address, which changes with the port
        kept = Kept(course.root / FOLDER / ("serve" if url else "build"))
        press = config.plugins["publish"] = Press(course, parts, kept)
        config.plugins.on_startup(command="serve" if url else "build", dirty=False)
        mkdocs.commands.build.build(config, serve_url=url or None)
        config.plugins.on_shutdown()
    except MkDocsException as error:
        return warnings.faults or [in_config(str(error), text)]
    finally:
        logging.getLogger("mkdocs").removeHandler(warnings)
    press.keep()
    return []


def configured(root: Path, target: Path) -> MkDocsConfig:
    """Return MkDocs' configuration. Raises MkDocsException where it is none, whatever the reason."""
    try:
        return mkdocs.config.load_config(str(root / CONFIG), strict=True, site_dir=str(target))
    except MkDocsException:
        raise
    except Exception as error:  # of a value that is nothing of what its tag says
        raise MkDocsException(f"cannot be read: {type(error).__name__}: {error}") from error


def in_config(said: str, text: str) -> Fault:
    """Return what MkDocs has against its configuration, whose text this is, in one sentence, at the line it means."""
    lines = [int(line) for line in re.findall(r", line (\d+), column", said)]
    lines += [text.count("\n", 0, int(at)) + 1 for at in re.findall(r", position (\d+)$", said)]
    if option := OPTION.match(said):
        found = re.finditer(rf"^{re.escape(option[1])}:", text, re.MULTILINE)
        lines += [text.count("\n", 0, one.start()) + 1 for one in found]
    words = re.sub(r'\s*\bin ".*?", (line \d+, column|position) \d+', "", said)
    return Fault(CONFIG, lines[-1] if lines else 1, " ".join(words.split()))


class Warnings(logging.Handler):
    """Takes down what MkDocs warns of, at its place in the sources where it names a page and a link, or an option."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(logging.WARNING)
        self.texts = texts  # of the sources, by their paths
        self.faults: list[Fault] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take down one."""
        said = record.getMessage()
        match = LINK.match(said)
        if not match:
            self.faults.append(in_config(said, self.texts[CONFIG]))
            return
        path = f"docs/{match['page']}"
        self.faults.append(Fault(path, line_of(match["target"], self.texts.get(path, "")) or 1, said))


class Compiled(jinja2.BytecodeCache):
    """The templates as code, for all builds of a process: jinja compiles each once, and again where it has changed."""

    def __init__(self) -> None:
        self.code: dict[tuple[str, str], Any] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Give what was compiled of this very text."""
        if (bucket.key, bucket.checksum) in self.code:
            bucket.code = self.code[bucket.key, bucket.checksum]

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Keep it."""
        self.code[bucket.key, bucket.checksum] = bucket.code


COMPILED = Compiled()


class Due(NamedTuple):
    """A page that has to be rendered: its text in full, the key of its record, and what MkDocs renders it by."""

    page: Page
    text: str
    key: str
    render: Callable[..., None]


class Press(BasePlugin):  # type: ignore[no-untyped-call]
    """The plugin that makes of MkDocs' site ours: one for each build. MkDocs calls its methods by their names."""

    def __init__(self, course: Course, parts: tuple[Part, ...], kept: Kept) -> None:
        super().__init__()
        self.course, self.parts, self.kept = course, parts, kept
        self.expander = Expander(course, parts)
        self.globals = {name: value for part in parts for name, value in part.globals(course).items()}
        self.site = ""  # the digest of what all pages are made from
        self.records: dict[str, Record] = {}  # of the pages that are made, by the page's path
        self.due: list[Due] = []  # those that have to be rendered

    def on_files(self, files: Files, config: MkDocsConfig) -> None:
        """Add what is generated: the listing and the download of each file with code, and what the parts make."""
        for snippet in self.course.snippets.files:
            files.append(File.generated(config, snippet.path, content=snippet.whole))
            files.append(listing(config, snippet.path, snippet.text))
        for path, text in self.course.tests.items():
            files.append(listing(config, path, text))
        for part in self.parts:
            for path, content in part.pages(self.course, site_of(config, self.parts)).items():
                files.append(File.generated(config, path, content=content))

    def on_nav(self, nav: Navigation, config: MkDocsConfig, files: Files) -> None:
        """Say what all pages are made from. A title that is in a page alone would not reach the others."""
        for path in [path for title, path in entries(config.nav) if not title]:
            raise MkDocsException(f"the navigation names {path} without a title; write `Title: {path}`")
        theme = sorted(file for file in (Path(__file__).parent / "theme").rglob("*") if file.is_file())
        texts = (Path(config.config_file_path).read_text("utf-8"), *(file.read_text("utf-8") for file in theme))
        paths = sorted(file.src_uri for file in files)
        self.site = digest(machine(), str(config.site_url), *texts, repr(self.globals), *paths)
        self.nav = nav

    def on_pre_page(self, page: Page, config: MkDocsConfig, files: Files) -> None:
        """Put the work on a page off until it is known which pages have to be rendered."""
        page.render = functools.partial(self.look_up, page, page.render)  # type: ignore[method-assign]

    def look_up(self, page: Page, render: Callable[..., None], config: MkDocsConfig, files: Files) -> None:
        """Take what was kept of a page, if what it is made from has not changed."""
        path, text = page.file.src_uri, self.expander.expand(page.markdown or "")
        key = digest(self.site, path, repr(page.meta), text)
        if kept := self.kept.get(key):
            self.records[path] = kept
        else:
            self.due.append(Due(page, text, key, render))
        page.content, page.toc = "", get_toc([])  # what MkDocs goes on with: nobody sees it

    def on_page_content(self, html: str, page: Page, **_: object) -> str:
        """Keep the tabs' labels out of the search index, and an anchor for each line of code to the listings."""
        if not page.file.src_uri.startswith(LISTINGS):
            html = LINE_ANCHOR.sub("", html)
        return html.replace('<div class="tabbed-labels">', '<div class="tabbed-labels" data-search-exclude>')

    def on_env(self, env: jinja2.Environment, config: MkDocsConfig, files: Files) -> None:
        """Give the templates what the parts have for them, and render what has to be."""
        press = self

        class Template(jinja2.Template):
            def render(self, context: dict[str, Any]) -> str:
                record = press.records.get(context["page"].file.src_uri) if context.get("page") else None
                return record.html if record else super().render(context)

        env.globals.update(self.globals)
        env.template_class = Template
        env.bytecode_cache = COMPILED
        make = functools.partial(self.make, env, config, files)
        self.records.update(side_by_side(self.due, make, processors()))

    def make(self, env: jinja2.Environment, config: MkDocsConfig, files: Files, due: list[Due]) -> dict[str, Record]:
        """Return the records of pages, by their paths, made by what MkDocs and its plugins do for a page."""
        index = config.plugins["material/search"].search_index  # type: ignore[attr-defined]
        before, pages, made = len(index.entries), files.documentation_pages(), {}
        for page, text, _, render in due:
            config._current_page, page.markdown = page, text
            render(config, files)
            page.content = config.plugins.on_page_content(page.content or "", page=page, config=config, files=files)
            page.active = True
            context = get_context(self.nav, pages, config, page)
            context = config.plugins.on_page_context(context, page=page, config=config, nav=self.nav)
            html = env.get_template(page.meta.get("template", "main.html")).render(context)
            page.active, config._current_page, page.content = False, None, ""
            made[page.file.src_uri] = Record(html, index.entries[before:])
            del index.entries[before:]
        return made

    def on_page_context(self, context: Any, page: Page, config: MkDocsConfig, nav: Navigation) -> None:
        """Put into the search index what a page has there, once it is made."""
        if record := self.records.get(page.file.src_uri):
            config.plugins["material/search"].search_index.entries += record.entries  # type: ignore[attr-defined]

    def on_template_context(self, context: Any, template_name: str, config: MkDocsConfig) -> None:
        """Keep the listings out of the sitemap: who searches wants the page that explains the code."""
        if template_name == "sitemap.xml":
            context["pages"] = [file for file in context["pages"] if not file.src_uri.startswith(LISTINGS)]

    def keep(self) -> None:
        """Keep what this build has rendered, and nothing of earlier ones that it has not used."""
        for page, _, key, _ in self.due:
            self.kept.put(key, self.records[page.file.src_uri])
        self.kept.forget_unused()


def listing(config: MkDocsConfig, path: str, text: str) -> File:
    """Return the page that shows a whole file with an anchor for each line."""
    folder, _, name = path.rpartition("/")
    fence = "`" * 10  # longer than any that a test file holds
    lexer = languages.of(path).lexer
    head = f"---\ntitle: {name}\nsearch:\n  exclude: true\nhide: [navigation, toc]\n---\n\n# {name}\n\n`{folder}/`\n\n"
    page = f'{head}{fence}{lexer} linenums="1"\n{text.rstrip()}\n{fence}\n'
    return File.generated(config, f"{LISTINGS}{path}.md", content=page, inclusion=InclusionLevel.NOT_IN_NAV)


def home(root: Path) -> str:
    """Return the path on its host that the site will lie at, "/" where nothing is said."""
    return urlsplit(str(mkdocs.config.load_config(str(root / CONFIG)).site_url or "/")).path


def site(root: Path, parts: tuple[Part, ...]) -> Site:
    """Return what the parts may know of the site whose configuration lies in `root`."""
    return site_of(mkdocs.config.load_config(str(root / CONFIG)), parts)


def site_of(config: MkDocsConfig, parts: tuple[Part, ...]) -> Site:
    """Return what the parts may know of the site."""
    name, description = str(config.site_name), str(config.site_description)
    return Site(name, description, in_order(config.nav), parts, config.markdown_extensions, config.mdx_configs)


def entries(nav: Any) -> Iterator[tuple[str, str]]:
    """Yield the pages of the navigation, which comes as lists in mappings in lists: title, "" for none, and path."""
    for entry in nav or []:
        for title, part in entry.items() if isinstance(entry, dict) else [("", entry)]:
            if isinstance(part, list):
                yield from entries(part)
            else:
                yield title, part


def in_order(nav: Any) -> dict[str, int]:
    """Return the place of each page in the navigation."""
    return {path: place for place, (_, path) in enumerate(entries(nav))}


class Server(LiveReloadServer):
    """Serves the folder `root` on loopback; when a file changes, has it built anew, and the browser load it again.

    While `faults`, which `rebuild` sets, keep it from being built, each page shows them.
    """

    def __init__(self, port: int, root: Path, rebuild: Callable[[], None], ready: Callable[[], None]) -> None:
        super().__init__(rebuild, "127.0.0.1", port, str(root), polling_interval=0.2)
        self.faults: list[Fault] = []
        self.ready = ready

    def run(self, watched: Iterable[Path]) -> None:
        """Serve until interrupted."""
        for path in watched:
            self.watch(str(path))
        try:
            self.serve()  # type: ignore[no-untyped-call]
        except KeyboardInterrupt:
            pass
        finally:
            self.shutdown()

    def server_activate(self) -> None:
        """Answer from now on, and say so."""
        super().server_activate()
        self.ready()

    def _inject_js_into_html(self, content: bytes, epoch: int) -> bytes:
        page, end, rest = content.rpartition(b"</body>")
        marked = page + notice(self.faults).encode() + end + rest
        return bytes(super()._inject_js_into_html(marked, epoch))  # type: ignore[no-untyped-call]


NOTICE = """<div role="alert" id="faults" style="position:fixed;inset:auto 0 0;z-index:99;max-height:60vh;overflow:auto;
padding:1rem 1.5rem;background:#7f1d1d;color:#fff;font:16px/1.5 monospace;white-space:pre-wrap;overflow-wrap:anywhere">
<b>The page is shown as it was before: mend this first.</b>
{}</div>"""


def notice(faults: list[Fault]) -> str:
    """Return the HTML that tells a writer what is wrong; nothing where nothing is."""
    return NOTICE.format(html.escape("\n".join(map(str, faults)))) if faults else ""
