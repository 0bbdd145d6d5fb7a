"""The operator's benchmark: what ten thousand policies cost. See docs/performance.md."""


class BenchError(Exception):
    """A sentence for whoever started the benchmark."""
