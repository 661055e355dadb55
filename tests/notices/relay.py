"""The SMTP server that tests and benches share (bench/sending/relay.py), under the name by which tests know it."""

from bench.sending.relay import DROP, HANG, Log, nobody, only, running

__all__ = ["DROP", "HANG", "Log", "nobody", "only", "running"]
