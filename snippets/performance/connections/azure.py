# /// script
# dependencies = ["redis==8.1.0"]
# ///
"""Connect to Azure Managed Redis: TLS on port 10000, a cluster client, an access key from the environment."""

import os
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry


# --8<-- [start:connect]
def connect(  # differs: TLS, a key, perhaps a cluster
    url: str, key: str | None = None, cluster: bool = True, ca: str | None = None
) -> Any:
    """Make the one client of the process. `ca`: for a certificate of your own."""
    options: dict[str, Any] = {
        "port": 10000,  # for a URL without one
        "password": key,  # or credential_provider=…, from the package redis-entraid
        "max_connections": 100,  # to each node; the next command waits,
        "timeout": 2,  # so long, and then the process is busy, not Redis away
        "socket_connect_timeout": 5,
        "socket_timeout": 0.5,  # and no server may stretch it by a push:
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        "health_check_interval": 30,
        # once more, INCR too; a client that counts gets 0
        "retry": Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), 1),
        "decode_responses": True,
        "encoding_errors": "replace",
    }
    if url.startswith("rediss:"):
        options["ssl_ca_certs"] = ca  # None: the authorities that the system trusts
    pool = redis.BlockingConnectionPool
    if not cluster:
        return redis.Redis.from_pool(pool.from_url(url, **options))
    # The nodes announce addresses, but the certificate is for the name
    host = str(urlsplit(url).hostname)
    options["address_remap"] = lambda node: (host, node[1])
    return redis.RedisCluster.from_url(url, connection_pool_class=pool, **options)


# --8<-- [end:connect]


def main() -> None:
    # rediss://NAME.REGION.redis.azure.net:10000, and its access key
    if azure := os.environ.get("AZURE_REDIS_URL"):
        client = connect(azure, os.environ["AZURE_REDIS_KEY"])
    else:
        client = connect(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), cluster=False)
    client.set("demo:azure", "hello", ex=60)
    print("read back:", client.get("demo:azure"))
    client.close()


if __name__ == "__main__":
    main()
