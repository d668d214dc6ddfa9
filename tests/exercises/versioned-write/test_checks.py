"""Each check, seen red against a solution with one mistake, for the right reason; the others stay green."""

from pathlib import Path

import pytest

from harness.load import load
from practice import exercise
from practice.program import ProgramError

SOLUTION = (exercise.ROOT / "snippets/exercises/versioned-write/solution.py").read_text("utf-8")
OFFER = "            return bool(self.cache.eval(OFFER, 1, key, version, TTL, *data))\n"
COMPARE = "if known and tonumber(known) >= tonumber(ARGV[1]) then return 0 end\n"
CATCH = "except redis.RedisError:"
LOG = '            log.exception("Redis did not take version %s of %s", version, key)\n'
TWO_STEPS = """\
            known = self.cache.hget(key, "version")
            if known is not None and int(known) >= version:
                return False
            self.cache.delete(key)
            self.cache.hset(key, mapping={"version": version, **({"data": data[0]} if data else {})})
            return bool(self.cache.expire(key, TTL))
"""
UPDATE = """\
        with self.db:  # commits, or rolls back and raises
            row = self.db.execute(query, (name, price, product_id)).fetchone()
        if row is None:
            return None
        product = dict(zip(FIELDS, row, strict=False))
        self.offer(product_id, row[-1], product)
        return product
"""
BEFORE_COMMIT = """\
        with self.db:  # commits, or rolls back and raises
            row = self.db.execute(query, (name, price, product_id)).fetchone()
            if row is None:
                return None
            product = dict(zip(FIELDS, row, strict=False))
            self.offer(product_id, row[-1], product)
            return product
"""
TOMBSTONE = "self.offer(product_id, row[0] + 1, None)"

# name: (what stands in place of what, the checks that must be red, what the first of them must say)
HALF = {
    "not committed": (UPDATE, UPDATE.replace("with self.db:", "if True:"), {0, 3, 4}, "does not commit"),
    "version not raised": ("version = version + 1\n", "version = version\n", {0, 1, 3, 4}, "raise the version to 2"),
    "version returned": ("return product\n", "return row\n", {0, 5}, "should return the whole product"),
    "no TTL": ("redis.call('EXPIRE', KEYS[1], ARGV[2])\n", "", {0, 4}, "should live for TTL"),
    "data not JSON": ("[json.dumps(product)]", "[str(product)]", {0, 1, 3}, "as JSON"),
    "only what was given": (
        "self.offer(product_id, row[-1], product)",
        "self.offer(product_id, row[-1], {k: v for k, v in zip(FIELDS, (product_id, name, price)) if v})",
        {1, 3},
        "as it is after the update",
    ),
    "a price of 0 ignored": ("(name, price, product_id)", "(name, price or None, product_id)", {1}, "{'price': 0}"),
    "phantom": (
        "            return None\n",
        '            self.offer(product_id, 1, {"id": product_id})\n            return None\n',
        {2},
        "a phantom",
    ),
    "phantom tombstone": (
        "        if row is not None:\n            self.offer(product_id, row[0] + 1, None)\n",
        "        self.offer(product_id, row[0] + 1 if row else 1, None)\n",
        {2},
        "a phantom",
    ),
    "id in the text of the query": (
        "WHERE id = ? RETURNING id, name",
        'WHERE ? <> \'\' AND id = \'""" + product_id + """\' RETURNING id, name',
        {2},
        "a parameter of the query",
    ),
    "no comparison": (COMPARE, "", {3, 4}, "puts version 2 over it"),
    "in two steps": (OFFER, TWO_STEPS, {3, 4}, "Compare and store in one step"),
    "compared as text": (COMPARE, COMPARE.replace("tonumber", ""), {3}, "Compare numbers, not texts"),
    "equal versions accepted": (COMPARE, COMPARE.replace(">=", ">"), {3}, "again 10"),
    "before the commit": (UPDATE, BEFORE_COMMIT, {3, 4}, "before the database has committed"),
    "no tombstone": (TOMBSTONE, "self.cache.delete(product_key(product_id))", {4, 5}, "Leave a tombstone"),
    "tombstone of the same version": (TOMBSTONE, TOMBSTONE.replace(" + 1", ""), {4}, "should have the next version"),
    "tombstone with data": (TOMBSTONE, TOMBSTONE.replace("None", "{}"), {4}, "no data"),
    "Redis down raised": (CATCH, "except redis.DataError:", {5}, "Redis is down, and a write raises ConnectionError"),
    "not counted": ("self.cache_errors += 1", "pass", {5}, "count each"),
    "outages alone caught": (CATCH, "except (redis.ConnectionError, redis.TimeoutError):", {5}, "The row is committed"),
    "every error hidden": (LOG, "", {5}, "a mistake to mend"),
}


def answers(text: str, tmp_path: Path, url: str) -> list[str | None]:
    path = tmp_path / "variant.py"
    path.write_text(text, "utf-8")
    student = load(path)

    def answer(check: exercise.Check) -> str | None:
        try:
            return check(student, url)
        except ProgramError as error:
            return str(error)

    return [answer(check) for check in exercise.table()["3"].checks]


@pytest.mark.parametrize("name", HALF)
def test_one_mistake_is_red_for_the_right_reason(name: str, tmp_path: Path, redis_url: str) -> None:
    old, new, red, said = HALF[name]
    assert old in SOLUTION
    found = answers(SOLUTION.replace(old, new, 1), tmp_path, redis_url)
    assert {number for number, answer in enumerate(found) if answer} == red, found
    assert said in str(found[min(red)]), found


PIPELINE = """\
            with self.cache.pipeline() as batch:
                while True:
                    try:
                        batch.watch(key)
                        known = batch.hget(key, "version")
                        if known is not None and int(known) >= version:
                            return False
                        batch.multi()
                        batch.delete(key)
                        batch.hset(key, mapping={"version": version, **({"data": data[0]} if data else {})})
                        batch.expire(key, TTL)
                        batch.execute()
                        return True
                    except redis.WatchError:
                        continue
"""


@pytest.mark.parametrize(
    "new", [OFFER.replace("self.cache.eval(OFFER, 1, ", "self.cache.register_script(OFFER)([").replace(
        "key, version, TTL, *data)", "key], [version, TTL, *data])"), PIPELINE], ids=["register_script", "WATCH"]
)  # fmt: skip
def test_other_good_solutions_pass(new: str, tmp_path: Path, redis_url: str) -> None:
    found = answers(SOLUTION.replace(OFFER, new), tmp_path, redis_url)
    assert found == [None] * len(found)
