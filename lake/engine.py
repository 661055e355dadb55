"""The Spark session: embedded by default, a cluster where SPARK_REMOTE names one.

The embedded engine is Sail, a Spark Connect server in Rust that runs inside this process: no JVM, no service. Code
above sees only the PySpark DataFrame API, so the same step runs unchanged on a Spark cluster.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from pyspark.sql import SparkSession

LOOPBACK = "127.0.0.1"
_open: ContextVar[tuple[str | None, SparkSession] | None] = ContextVar("open session", default=None)


class EngineError(RuntimeError):
    """The engine cannot be reached or started."""


@contextmanager
def session(spark_remote: str | None = None) -> Iterator[SparkSession]:
    """A Spark session, ended with the block. ``spark_remote``: ``sc://host:port``, ``local[n]``, or None for embedded.

    A block inside another shares its session: ending one of two leaves PySpark without an active one. Raises
    EngineError where a named cluster does not answer; it never falls back to the embedded engine, which would run a
    cluster's job on one machine.
    """
    outer = _open.get()
    if outer is not None and outer[0] == (spark_remote or None):
        yield outer[1]
        return
    with _started(spark_remote) as spark:
        token = _open.set((spark_remote or None, spark))
        try:
            yield spark
        finally:
            _open.reset(token)


@contextmanager
def _started(spark_remote: str | None) -> Iterator[SparkSession]:
    if spark_remote:
        yield from _remote(spark_remote)
    else:
        yield from _embedded()


def _remote(url: str) -> Iterator[SparkSession]:
    try:
        spark = SparkSession.builder.remote(url).getOrCreate()
    except Exception as error:
        raise EngineError(
            f"SPARK_REMOTE is {url}, and no Spark answers there: {error}. Nothing was read or written."
        ) from error
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    try:
        yield spark
    finally:
        spark.stop()


def _embedded() -> Iterator[SparkSession]:
    os.environ.setdefault(
        "RUST_LOG", "error"
    )  # must be set before Sail loads; its start-up chatter is not the reader's
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(ip=LOOPBACK, port=0)
    server.start(background=True)
    _, port = server.listening_address
    spark = SparkSession.builder.remote(f"sc://{LOOPBACK}:{port}").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    try:
        yield spark
    finally:
        spark.stop()
        server.stop()


def is_embedded(spark_remote: str | None) -> bool:
    """Whether the engine runs in this process, where an Arrow scanner feeds Python faster than mapInArrow does."""
    return not spark_remote
