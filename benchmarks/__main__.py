"""Measure every row on a private Redis and write benchmarks/results.json: `python -m benchmarks` (make bench)."""

import datetime
import json
import os
import platform
import statistics
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import redis

from benchmarks.rows import ROWS, Samples, rms
from tests.servers import Server

RESULTS = Path(__file__).with_name("results.json")


def summary(row_id: str, samples: Samples) -> dict[str, dict[str, float]]:
    """Return the figure of each variant with the least and the most seen; for errors, their root mean square."""
    middle = rms if row_id == "hyperloglog" else statistics.median
    return {
        name: {"figure": round(middle(values), 3), "least": round(min(values), 3), "most": round(max(values), 3),
               "samples": len(values)}
        for name, values in samples.items()
    }  # fmt: skip


def processor() -> str:
    """Return the name of the processor, as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def main() -> None:
    """Measure, print, write."""
    rows: dict[str, Any] = {}
    for row in ROWS:
        server = Server()
        try:
            with redis.Redis.from_url(server.url) as client:
                version = str(client.info("server")["redis_version"])
            variants = summary(row.id, row.measure(server.url))
        finally:
            server.stop()
        said = {name: getattr(row, name) for name in ("title", "workload", "metric", "published")}
        rows[row.id] = {**said, "variants": variants}
        for name, found in variants.items():
            print(f"{row.title}, {name}: {found['figure']:.3g} {row.metric}", file=sys.stderr)
    about = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "versions": {"Redis": version, "redis-py": metadata.version("redis"), "Python": platform.python_version()},
    }
    RESULTS.write_text(json.dumps({"about": about, "rows": rows}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(f"Measured: {RESULTS.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
