from __future__ import annotations

from voicewright.core.documents.intervals import Rate
from voicewright.core.documents.judging import Pair, Rater, RaterKind
from voicewright.judging.preferences import preference_rows
from voicewright.judging.votes import Opinion


def rater(kind: RaterKind, *, counts: bool) -> Rater:
    rate = Rate(value=None, low=None, high=None, n_prompts=0)
    return Rater(
        kind=kind, counts=counts, why="", opinions=1, unscored=0, coverage=1, ties=0, flip_rate=rate, first_wins=rate
    )


def test_votes_become_preferences_without_held_out_prompts_or_disqualified_judges() -> None:
    domains = {"a": "narrative", "b": "heldout", "c": "narrative", "d": "narrative"}
    pairs = [Pair(id=name, domain=domain, prompt="p", x="text x", y="text y") for name, domain in domains.items()]
    opinions = [
        Opinion("a", "ann", "reader", "voice", 0.0),
        Opinion("b", "ann", "reader", "voice", 1.0),
        Opinion("c", "ann", "reader", "voice", 1.0),
        Opinion("c", "bob", "reader", "voice", 0.0),
        Opinion("d", "bad", "judge", "voice", 1.0),
        Opinion("d", "ours", "built-in", "voice", 1.0),
        Opinion("a", "ann", "reader", "quality", 1.0),
    ]
    raters = {
        "ann": rater("reader", counts=True),
        "bob": rater("reader", counts=True),
        "bad": rater("judge", counts=False),
        "ours": rater("built-in", counts=True),
    }
    (row,) = preference_rows(pairs, opinions, raters, 0.5)
    assert (row.source, row.chosen.content, row.rejected.content) == ("blind pair a", "text y", "text x")
    # The ids of rows that were written before stay the same.
    assert row.id == "a0b41aac339a"
