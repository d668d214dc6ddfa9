# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Key patterns in one place: a function for each, so that nobody writes a key by hand."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from urllib.parse import quote

from redis.crc import key_slot


# --8<-- [start:part]
def part(text: str) -> str:
    """Encode one part of a key, so that nothing in it can pass for structure."""
    if not text:
        raise ValueError("a part of a key is empty")
    return quote(text, safe="")  # : { } * ? [ ] % / spaces, all but ASCII


# --8<-- [end:part]


# --8<-- [start:patterns]
def user(user_id: str) -> str:
    return f"user:{part(user_id)}"  # hash


def user_activity(user_id: str) -> str:
    return f"{user(user_id)}:activity"  # list


def product(product_id: str) -> str:
    return f"product:{part(product_id)}"  # hash


def cart(cart_id: str) -> str:
    return f"cart:{part(cart_id)}"  # hash


def rate(client: str, window: int) -> str:
    return f"rate:{part(client)}:{window}"  # string


# --8<-- [end:patterns]


# --8<-- [start:digests]
def api_cache(viewer: str, path: str, query: Mapping[str, str]) -> str:
    """One key for one answer: who may see it, and what was asked, in any order."""
    asked = json.dumps([path, sorted(query.items())])
    digest = hashlib.sha256(asked.encode()).hexdigest()
    return f"cache:api:{part(viewer)}:{digest}"  # string


def user_by_email(secret: bytes, email: str) -> str:
    """No address in the key, and no way to try addresses without the secret."""
    address = email.strip().lower().encode()
    return f"email:{hmac.new(secret, address, 'sha256').hexdigest()}"  # string


# --8<-- [end:digests]


# --8<-- [start:prefix]
def within(app: str, tenant: str, key: str) -> str:
    """Put a key below its application and tenant: both, always, in this order."""
    return f"{part(app)}:{part(tenant)}:{key}"


def user_together(user_id: str, attribute: str) -> str:
    """Only what is in braces is hashed: all keys of this user share a slot."""
    return f"{{{user(user_id)}}}:{part(attribute)}"


# --8<-- [end:prefix]


def slot(key: str) -> int:
    return int(key_slot(key.encode()))


def main() -> None:
    print("a user:", user("1"))
    print("an id with a colon:", user("1:activity"))
    print("a client by its IPv6 address:", rate("2001:db8::1", 29_400_000))
    try:
        user("")
    except ValueError as error:
        print("an empty id:", error)
    print("an application and a tenant:", within("shop", "acme", user("1")))
    for keys in [(user("1"), user_activity("1")), (user_together("1", "profile"), user_together("1", "orders"))]:
        print(f"{keys[0]} and {keys[1]}: slots {slot(keys[0])} and {slot(keys[1])}")


if __name__ == "__main__":
    main()
