"""What a failure tells the person who has to act on it."""


class StepError(Exception):
    """A step failed: which one, why, and the log that has the rest."""

    def __init__(self, step, why, log=None):
        self.step, self.why, self.log = step, why, log
        super().__init__(f"{step}: {why}")

    def report(self):
        lines = [f"cluster: {self.step} failed: {self.why}"]
        if self.log:
            lines += _last_lines(self.log), f"  the whole log: {self.log}"
        return "\n".join(lines)


def _last_lines(log, count=8):
    try:
        with open(log, errors="replace") as file:
            lines = file.read().splitlines()[-count:]
    except OSError as error:
        return f"  (no log: {error})"
    return "\n".join(f"  | {line[:300]}" for line in lines)
