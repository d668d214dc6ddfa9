"""A site may lie below a path of its host, as a project's does on GitHub Pages, and any web server may read it."""

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Response

from harness import small_course
from harness.browser.server import serving
from publish.pages.gate import resolve

HOME = "/course/"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a site that was built for its place below a path, where a umask keeps others out; its folder."""
    root = tmp_path_factory.mktemp("host")
    with serving(root) as address:
        source, site = tmp_path_factory.mktemp("source"), root / HOME.strip("/")
        small_course.write(source)
        result = subprocess.run(
            small_course.command("build", "--target", str(site)), cwd=source, umask=0o077, timeout=120,
            env=small_course.environment(SITE_URL=f"{address}course"), capture_output=True, text=True,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        (root / "404.html").symlink_to(site / "404.html")  # which such a host answers with, whatever the depth
        yield address + HOME.strip("/") + "/", site


def test_page_that_is_not_there_has_its_styles_and_its_links(host: tuple[str, Path], browser: Browser) -> None:
    home, _ = host
    page = browser.new_page()
    loaded: list[Response] = []
    page.on("response", lambda response: loaded.append(response))
    page.goto(f"{home}no/such/page.html")
    assert loaded[0].status == 404
    assert [response.url for response in loaded[1:] if response.status != 200] == []
    kinds = {response.request.resource_type for response in loaded}
    assert kinds >= {"stylesheet", "script"}
    targets = page.locator("a[href]").evaluate_all("links => links.map(link => link.href.split('#')[0])")
    assert {page.request.get(target).status for target in targets if target != page.url} == {200}
    page.locator(".md-header__title, a.md-logo").first.click()
    assert page.url == f"{home}index.html"
    page.context.close()


def test_sitemap_lists_every_page_but_listings_by_its_full_address(host: tuple[str, Path]) -> None:
    home, site = host
    listed = {str(entry.text) for entry in ElementTree.parse(site / "sitemap.xml").iterfind("{*}url/{*}loc")}
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")} - {"404.html", "present/index.html"}
    pages = {path for path in pages if not path.startswith("source/")}
    assert {"index.html", "other.html"} <= pages
    assert {re.sub(r"/$", "/index.html", address) for address in listed} == {home + page for page in pages}


def test_files_can_be_read_whatever_the_umask(host: tuple[str, Path]) -> None:
    _, site = host
    modes = {path: path.stat().st_mode & 0o777 for path in [site, *site.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o755}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o644}


def test_site_that_was_told_no_address_names_none(site: Path) -> None:
    assert 'rel="canonical"' not in (site / "index.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("page", "target", "home", "found"),
    [
        ("404.html", "/course/a/x.css", "/course/", "a/x.css"),
        ("404.html", "/course/", "/course/", "index.html"),
        ("a/b.html", "/x.css", "/course/", "/x.css"),
        ("a/b.html", "../c.html", "/course/", "c.html"),
        ("a/b.html", "/x.css", "/", "x.css"),
    ],
)
def test_link_from_the_root_of_the_host_is_one_into_the_site_only_below_its_path(
    page: str, target: str, home: str, found: str
) -> None:
    assert resolve(page, target, home) == found
