"""Each check, seen red against a half-mended solution, for the right reason; the others stay green."""

from pathlib import Path

import pytest

from harness.load import load
from practice import exercise

SOLUTION = (exercise.ROOT / "snippets/exercises/cache-aside/solution.py").read_text("utf-8")
DELETE = '        self.tell_cache(self.cache.delete, listing_key(product["id"]))  # committed\n'
ANSWER = "if cached is not None:"
TTL = "ttl = MISSING_TTL if product is None else TTL"
WITH = "        with self.db:  # commits, or rolls back and raises\n"
SET = "        self.tell_cache(self.cache.set, key, value, ex=ttl)\n"

# name: (what stands in place of what, the check that must be red, what it must say)
HALF = {
    "nothing deleted": (DELETE, "", 0, "leaves the old copy in Redis"),
    "another key deleted": (DELETE, '        self.cache.delete(product["id"])\n', 0, "leaves the old copy in Redis"),
    "deleted before the commit": (WITH, DELETE + WITH, 0, "deletes the key before the database has committed"),
    "deleted inside the transaction": (
        DELETE,
        '            self.cache.delete(listing_key(product["id"]))\n',
        0,
        "deletes the key before the database has committed",
    ),
    "updated in place of deleted": (
        DELETE,
        '        self.cache.set(listing_key(product["id"]), json.dumps(product), ex=TTL)\n',
        0,
        "Delete the key instead",
    ),
    "nothing written": ("self.db.execute(upsert, product)", "pass", 0, "no longer writes the new price"),
    "rows in place of products": (
        "dict(zip(FIELDS, row, strict=True))",
        '{"price": row[2]}',
        0,
        "no longer returns the product",
    ),
    "asked whether it is true": (ANSWER, 'if cached and cached != "null":', 1, "cost 3 database queries"),
    "missing product not stored": (SET, f"        if product:\n    {SET}", 1, "cost 3 database queries"),
    "marker returned": ("product: Product | None = json.loads(cached)", "product = cached", 1, "should return `None`"),
    "one TTL for all": (TTL, "ttl = TTL", 2, "remembered for 60 minutes"),
    "five minutes": ("MISSING_TTL = 60", "MISSING_TTL = 300", 2, "remembered for 5 minutes"),
    "no TTL": (", ex=ttl)", ", ex=None if product is None else TTL)", 2, "remembered for ever"),
    "a minute for all": (TTL, "ttl = MISSING_TTL", 2, "should still be remembered for an hour"),
}
# where one mistake breaks more than one promise
ALSO = {"missing product not stored": {2}, "rows in place of products": {1}}


def variant(tmp_path: Path, old: str, new: str) -> Path:
    assert SOLUTION.count(old) == 1
    path = tmp_path / "variant.py"
    path.write_text(SOLUTION.replace(old, new), "utf-8")
    return path


@pytest.mark.parametrize("name", HALF)
def test_half_mended_is_red_for_the_right_reason(name: str, tmp_path: Path, redis_url: str) -> None:
    old, new, red, said = HALF[name]
    student = load(variant(tmp_path, old, new))
    answers = [check(student, redis_url) for check in exercise.table()["1"].checks]
    assert said in (answers[red] or "")
    assert {number for number, answer in enumerate(answers) if answer} == {red} | ALSO.get(name, set())


def test_nothing_cached_at_all_is_red(tmp_path: Path, redis_url: str) -> None:
    student = load(variant(tmp_path, ANSWER, "if False:"))
    answer = exercise.table()["1"].checks[1](student, redis_url)
    assert "cost 3 database queries" in (answer or "")
    student = load(variant(tmp_path, ANSWER, 'if cached == "null":'))
    answer = exercise.table()["1"].checks[1](student, redis_url)
    assert "2 reads of a product cost 2 database queries" in (answer or "")


@pytest.mark.parametrize("delete", ["delete", "unlink"])
def test_other_good_solutions_pass(delete: str, tmp_path: Path, redis_url: str) -> None:
    student = load(variant(tmp_path, "self.cache.delete", f"self.cache.{delete}"))
    assert [check(student, redis_url) for check in exercise.table()["1"].checks] == [None] * 3
    student = load(variant(tmp_path, TTL, "ttl = round((60 if product is None else TTL) * 1.1)"))
    assert [check(student, redis_url) for check in exercise.table()["1"].checks] == [None] * 3
