"""What the page says about the TTL calls, read from the transcript as Redis answers it now."""

from pathlib import Path

import pytest

from harness import redis_cli

TRANSCRIPT = Path(__file__).resolve().parents[3] / "snippets" / "ttl" / "choosing" / "calls.redis"
Said = list[tuple[str, str]]


@pytest.fixture
def said(redis_url: str) -> Said:
    """Each command with the first line of its reply, without the mark of what varies."""
    commands = "\n".join(line for line in TRANSCRIPT.read_text("utf-8").splitlines() if line.startswith("> "))
    lines = redis_cli.replay(commands, redis_url).splitlines()
    return [(lines[i][2:], lines[i + 1]) for i in range(0, len(lines), 2)]


def answers(said: Said, *words: str) -> list[str]:
    """The replies to the commands that begin with these words, in order."""
    return [reply for command, reply in said if command.startswith(" ".join(words))]


def after(said: Said, command: str) -> int:
    """The number that TTL answers right after a command."""
    at = [known for known, _ in said].index(command)
    assert said[at + 1][0].startswith("TTL ")
    return int(said[at + 1][1].removeprefix("(integer) "))


def test_ttl_answers_minus_one_without_expiry_and_minus_two_without_key(said: Said) -> None:
    assert after(said, "PERSIST demo:offer") == -1
    assert answers(said, "TTL demo:nothing") == ["(integer) -2"]


def test_persist_and_expire_answer_whether_they_changed_anything(said: Said) -> None:
    assert answers(said, "PERSIST demo:offer") == ["(integer) 1", "(integer) 0"]
    assert answers(said, "EXPIRE demo:offer 7200") == ["(integer) 1"]
    assert answers(said, "EXPIRE demo:nothing 60") == ["(integer) 0"]


def test_expireat_in_the_past_answers_one_and_the_key_is_gone(said: Said) -> None:
    assert answers(said, "EXPIREAT demo:offer") == ["(integer) 1"]
    assert after(said, "EXPIREAT demo:offer 1699999999") == -2


def test_nx_needs_a_key_without_ttl_and_xx_one_with(said: Said) -> None:
    assert answers(said, "EXPIRE demo:ticket 60 XX") == ["(integer) 0"]
    assert answers(said, "EXPIRE demo:ticket 60 NX") == ["(integer) 1"]
    assert answers(said, "EXPIRE demo:ticket 90 NX") == ["(integer) 0"]


def test_gt_only_lengthens_and_lt_only_shortens(said: Said) -> None:
    assert answers(said, "EXPIRE demo:ticket 30 GT") == ["(integer) 0"]
    assert answers(said, "EXPIRE demo:ticket 90 GT") == ["(integer) 1"]
    assert answers(said, "EXPIRE demo:ticket 30 LT") == ["(integer) 1"]


def test_no_ttl_counts_as_the_longest(said: Said) -> None:
    assert answers(said, "EXPIRE demo:ticket 60 GT") == ["(integer) 0"]


def test_incr_and_keepttl_keep_the_ttl(said: Said) -> None:
    assert answers(said, "INCR demo:stock") == ["(integer) 6"]
    assert 590 <= after(said, "SET demo:stock 7 KEEPTTL") <= 600


def test_getex_reads_and_sets_the_ttl(said: Said) -> None:
    assert answers(said, "GETEX demo:stock EX 900") == ['"7"']
    assert 890 <= after(said, "GETEX demo:stock EX 900") <= 900


def test_a_plain_set_clears_the_ttl(said: Said) -> None:
    assert after(said, "SET demo:stock 8") == -1
