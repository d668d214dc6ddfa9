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

from benchmarks.rows import ROWS, Row, Samples
from harness.servers import Server

IDLE = 0.7  # the load of one minute up to which a machine is idle enough to measure
RESULTS = Path(__file__).with_name("results.json")


def summary(row: Row, samples: Samples) -> dict[str, dict[str, float]]:
    """Return the figure of each variant, and between which its samples lie: all, and the middle half."""
    found = {}
    for name, values in samples.items():
        low, _, high = statistics.quantiles(values, n=4)
        figures = {"figure": row.middle(values), "least": min(values), "low": low, "high": high, "most": max(values)}
        found[name] = {**{of: round(value, 3) for of, value in figures.items()}, "samples": len(values)}
    return found


def processor() -> str:
    """Return the name of the processor, as the system gives it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def main() -> None:
    """Measure, print, write."""
    load = os.getloadavg()[0]
    if load > IDLE:
        sys.exit(f"This machine is busy (load {load:.1f}): what is measured now would say little. Try again when idle.")
    rows: dict[str, Any] = {}
    for row in ROWS:
        server = Server()
        try:
            with redis.Redis.from_url(server.url) as client:
                version = str(client.info("server")["redis_version"])
            variants = summary(row, row.measure(server.url))
        finally:
            server.stop()
        said = {name: getattr(row, name) for name in ("title", "workload", "metric", "published")}
        rows[row.id] = {**said, "variants": variants}
        for name, found in variants.items():
            print(f"{row.title}, {name}: {found['figure']:.3g} {row.metric}", file=sys.stderr)
    about = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        "load": round(load, 2),
        "versions": {"Redis": version, "redis-py": metadata.version("redis"), "Python": platform.python_version()},
    }
    RESULTS.write_text(json.dumps({"about": about, "rows": rows}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(f"Measured: {RESULTS.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
