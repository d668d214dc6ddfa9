"""The write-behind demonstration tells its story, ends by itself, and would say so if a write were lost."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.servers import Server
from practice import demo_write_behind

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.long
def test_demo_ends_well_and_leaves_the_redis_that_redis_url_names_alone(readers_redis: Server) -> None:
    command = [sys.executable, "-m", "practice.demo_write_behind"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 lost" in result.stdout


@pytest.mark.long
def test_demo_fails_where_a_write_was_lost(own_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = demo_write_behind.Shop(own_server.url, tmp_path / "shop.db")
    rows = shop.rows

    def without_one() -> dict[str, tuple[str, str]]:
        return {key: row for key, row in rows().items() if key != "7"}

    monkeypatch.setattr(shop, "rows", without_one)
    try:
        assert demo_write_behind.story(shop) is False
    finally:
        shop.close()
