# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""A pipeline with MULTI, shown to undo nothing where a command in it fails."""

import os

import redis


# --8<-- [start:transfer]
def move_stock(client: redis.Redis, product_id: str, amount: int) -> list[object]:
    """Often believed: all of it succeeds, or none of it."""
    pipe = client.pipeline(transaction=True)  # MULTI … EXEC
    pipe.decrby(f"demo:stock:{product_id}", amount)
    pipe.incrby(f"demo:reserved:{product_id}", amount)
    pipe.incr("demo:moves")
    return pipe.execute(raise_on_error=False)


# --8<-- [end:transfer]


def main() -> None:
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    client = redis.Redis.from_url(url, decode_responses=True)
    client.set("demo:stock:1", 10, ex=60)
    client.set("demo:reserved:1", "none", ex=60)  # no number: this one will fail
    client.set("demo:moves", 0, ex=60)
    for reply in move_stock(client, "1", 3):
        print("reply:", reply)
    print("stock:", client.get("demo:stock:1"))
    print("reserved:", client.get("demo:reserved:1"))
    print("moves:", client.get("demo:moves"))


if __name__ == "__main__":
    main()
