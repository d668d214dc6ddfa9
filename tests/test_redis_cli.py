"""The replay of transcripts: replies as redis-cli prints them, and differences seen unless they are declared."""

import pytest
import redis

from harness import redis_cli

TRANSCRIPT = """# Replies of every kind.

> SET greeting "hello \\"world\\""
OK
> GET greeting
"hello \\"world\\""
> GET nothing
(nil)
> INCR visits
(integer) 1
> LPUSH visits 1
(error) WRONGTYPE Operation against a key holding the wrong kind of value
> RPUSH feed a b c d e f g h i j
(integer) 10
> LRANGE feed 8 9
1) "i"
2) "j"
> LRANGE nothing 0 -1
(empty array)
"""


@pytest.mark.parametrize(
    ("transcript", "line", "said"),
    [
        ("# a\n\n> SET a \"b\n", 3, "No closing quotation"),
        ("> \n", 1, "there is no command"),
        (">\n", 1, "there is no command"),
        ('> SET a "b\\n"\n', 1, "after a backslash"),
        ("OK\n> PING\n", 1, "is a reply to no command"),
        ("> PING\nPONG\n\nOK\n", 4, "is a reply to no command"),
        ("> PING\nPONG\n# next\nOK\n", 4, "is a reply to no command"),
    ],
)  # fmt: skip
def test_what_is_no_command_and_no_reply_is_refused(transcript: str, line: int, said: str, redis_url: str) -> None:
    with pytest.raises(RuntimeError, match=f"^a.redis:{line}: {said}"):
        redis_cli.replay(transcript, redis_url, "a.redis")


def test_a_transcript_that_is_right_comes_back_as_it_is(redis_url: str) -> None:
    assert redis_cli.replay(TRANSCRIPT, redis_url) == TRANSCRIPT


def test_ten_elements_are_aligned_and_nested_ones_indented(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.rpush("ten", *range(10))
        client.xadd("events", {"kind": "view"}, id="1-1")
    lines = redis_cli.replay("> LRANGE ten 0 -1\n> XRANGE events - +\n", redis_url).splitlines()
    assert lines[1] == ' 1) "0"'
    assert lines[10] == '10) "9"'
    assert lines[12:] == ['1) 1) "1-1"', '   2) 1) "kind"', '      2) "view"']


@pytest.mark.parametrize(
    ("transcript", "answer"),
    [
        ("> INCR n\n(integer) 2\n", "> INCR n\n(integer) 1\n"),
        ("> INCR n\n", "> INCR n\n(integer) 1\n"),
        ("> INCR n\n(integer) 2  # varies: the hour\n", "> INCR n\n(integer) 2  # varies: the hour\n"),
        ('> INCR n\n"2"  # varies: the hour\n', "> INCR n\n(integer) 1\n"),
        ("> INCR n\n(integer) 2 # varies:\n", "> INCR n\n(integer) 1\n"),
        ("> SADD s b a\n(integer) 2\n> SMEMBERS s # any order\n1) \"b\"\n2) \"a\"\n", None),
        ("> SADD s b\n(integer) 1\n> SMEMBERS s # any order\n1) \"a\"\n",
         "> SADD s b\n(integer) 1\n> SMEMBERS s # any order\n1) \"b\"\n"),
    ],
)  # fmt: skip
def test_a_difference_stands_unless_it_is_declared(transcript: str, answer: str | None, redis_url: str) -> None:
    assert redis_cli.replay(transcript, redis_url) == (answer or transcript)
