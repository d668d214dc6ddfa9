"""Render Markdown as the site does, for pages that MkDocs does not make: the deck and its speaker notes."""

import re
from pathlib import Path

import mkdocs.config
from markdown import Markdown
from mkdocs.config.defaults import MkDocsConfig

from publish.pages.expand import Press

LINK = re.compile(r'(href|src)="/([^":#]*)')


def config(root: Path) -> MkDocsConfig:
    """Load the site's configuration, whose extensions are ours too."""
    return mkdocs.config.load_config(str(root / "mkdocs.yml"))


def html(site: MkDocsConfig, press: Press, markdown: str, up: str) -> str:
    """Return the HTML of a text. `up` leads from the page to the site's root: "../" for a page one folder down."""
    options = {**site.mdx_configs, "publish.pages.expand": {"press": press}}
    text = Markdown(extensions=site.markdown_extensions, extension_configs=options).convert(markdown)
    return LINK.sub(lambda link: f'{link[1]}="{up}{re.sub(r"[.]md$", ".html", link[2])}', text)
