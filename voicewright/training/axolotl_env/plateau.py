"""Whether a loss curve still falls, judged against its own noise. Pure arithmetic, imports nothing."""

import math
import statistics


def compare_windows(losses, window):
    """Compare the last `window` losses with the `window` before them.

    drop   mean of the earlier window minus mean of the later one
    noise  standard error of that difference, from the scatter around each window's own straight line, so that a
           steady fall is not mistaken for noise
    ratio  drop / noise: how many standard errors the smoothed loss has fallen
    """
    earlier, later = losses[-2 * window : -window], losses[-window:]
    if not all(math.isfinite(value) for value in earlier + later):
        return {"drop": math.nan, "noise": math.nan, "ratio": -math.inf}
    drop = statistics.fmean(earlier) - statistics.fmean(later)
    noise = math.sqrt((scatter(earlier) + scatter(later)) / window)
    # Below float32's resolution of a loss a difference is none.
    floor = 1e-6 * max(abs(statistics.fmean(later)), 1e-3)
    return {"drop": drop, "noise": noise, "ratio": drop / max(noise, floor)}


def scatter(values):
    """Variance of the residuals around the least-squares line; of the values themselves when there are two."""
    n = len(values)
    mean = statistics.fmean(values)
    if n < 3:
        return sum((v - mean) ** 2 for v in values) / max(n - 1, 1)
    centre = (n - 1) / 2
    slope = sum((i - centre) * (v - mean) for i, v in enumerate(values)) / sum((i - centre) ** 2 for i in range(n))
    return sum((v - mean - slope * (i - centre)) ** 2 for i, v in enumerate(values)) / (n - 2)


class Plateau:
    """Compares once a window, so that no loss is newest twice; says stop after `patience` flat windows in a row.

    The window must be long enough for the fall that matters to stand out from the noise: over ten losses of single
    small batches it does not, over ten evaluations it does.
    """

    def __init__(self, window, threshold, patience, min_exposure):
        self.window, self.threshold, self.patience, self.min_exposure = window, threshold, patience, min_exposure
        self.losses = []
        self.strikes = 0

    def add(self, loss, exposure):
        """Take in a loss seen after `exposure` epochs; the decision with its figures, None if too early to look."""
        self.losses.append(loss)
        if len(self.losses) < 2 * self.window or len(self.losses) % self.window:
            return None
        figures = compare_windows(self.losses, self.window)
        flat = not figures["ratio"] >= self.threshold
        self.strikes = self.strikes + 1 if flat else 0
        enough = exposure >= self.min_exposure
        return {
            **figures,
            "exposure": exposure,
            "strikes": self.strikes,
            "stop": enough and self.strikes >= self.patience,
        }
