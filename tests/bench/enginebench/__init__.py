"""The engine's benchmark: ours and its peers, the same work in turn. See docs/performance.md."""


class BenchError(Exception):
    """A sentence for whoever started the benchmark."""
