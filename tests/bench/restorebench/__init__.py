"""The benchmark of restores: on a real cluster, against the sum of their parts. See docs/performance.md."""


class BenchError(Exception):
    """A sentence for whoever started the benchmark."""
