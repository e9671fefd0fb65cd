"""What `score` and `validate` write: how close texts are to an author, and how well measures tell authors apart."""

from __future__ import annotations

from voicewright.core.documents.base import Document
from voicewright.core.documents.intervals import Figure


class StyleScore(Document):
    """How close some texts are to an author. Distances are composite distances, compared at one block size only."""

    score: Figure
    """0: the mean of other authors; 100: the author's own texts that the profile has not seen."""
    distance: float
    """Mean over the blocks of all texts."""
    blocks: int
    closer_than_other_authors: float
    """Share of the other authors whose distance is larger, 0..1."""
    files: dict[str, float]
    """The distance of each text, by file name or by position; texts shorter than a block are absent."""


class ScoreReport(Document):
    """What `score` writes."""

    author: str
    block_words: int
    own_distance: float
    """Mean distance of the author's own texts from a profile of the others."""
    own_level: str
    """Which texts were left out of those profiles."""
    other_authors: dict[str, float]
    """Distances of other authors, nearest first."""
    texts: dict[str, StyleScore]
    """By folder or file."""


class VerificationFigures(Document):
    """How well one measure verifies authorship at one length. Positives and negatives weigh the same."""

    auc: float
    """Mean over the splits, each pooled over its authors."""
    auc_low: float
    auc_high: float
    """95% interval: authors are resampled."""
    auc_sd: float
    """Over the splits."""
    worst_auc: float
    worst_author: str
    c_at_1: float
    f05u: float
    brier: float
    authors: dict[str, float]
    """The AUC of each author."""


class DoseResponse(Document):
    """Similarity to an author of texts of which a growing share is the author's."""

    percent_author: list[int]
    similarity: list[float]
    """Mean over the authors, at each of those percentages."""
    monotone: bool
    """Whether the mean rises at every step."""
    monotone_authors: int
    """Authors for whom it rises at every step."""
    authors_tested: int
    not_monotone: list[str]
    samples: int
    """Texts for each author and percentage."""
    words: int
    """Length of each text."""


class ValidationProtocol(Document):
    """How the measures were validated."""

    splits: int
    tested: int
    """Authors tested in a split."""
    fitted_on: int
    """Other authors, on whom everything is fitted."""
    reference_words: int
    """Length of a profile."""
    left_out: str
    seed: int


class ValidationReport(Document):
    """What `validate` writes."""

    measures: dict[str, dict[str, VerificationFigures]]
    """By measure, then length of the texts in words."""
    dose_response: DoseResponse
    protocol: ValidationProtocol
    seconds: float | None = None
