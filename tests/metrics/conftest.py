"""A voice report that the tests of metrics share."""

from __future__ import annotations

import pytest

from tests.metrics import runs
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.records import read_rows, write_rows


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> VoiceReport:
    """The report of a run with an arm for everything that a measure must notice, answers outside the author's field,
    and likelihoods. Not to be changed.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEWRIGHT_HOME", str(tmp_path_factory.mktemp("report")))
        run = runs.make_run(
            {
                "baseline": runs.base,
                "finetuned": runs.halfway,
                "prompted": runs.base,
                "author": runs.authors_own,
                "shuffled": runs.shuffled,
                "copy": runs.copied,
                "shouting": runs.shouting,
                "mute": lambda _: "",
                "late": runs.halfway,
            }
        )
        late = run.generations_path("late")
        late.write_text("".join(late.read_text().splitlines(keepends=True)[:6]))
        for arm, text in (
            ("baseline", "Paris is the capital of France"),
            ("finetuned", "You wait by the river for him"),
        ):
            facts = [
                runs.generation(arm, f"fact{p}", s, f"{text} number {p}", "facts") for p in range(8) for s in range(2)
            ]
            write_rows(run.generations_path(arm), [*read_rows(run.generations_path(arm)), *facts])
        for arm, bits, passages in (("baseline", 2.0, 6), ("finetuned", 1.5, 5)):
            write_rows(
                run.likelihood_path(arm),
                [
                    {"id": f"h{i}", "arm": arm, "chars": 100 + i, "tokens": 30, "bits": bits * (100 + i)}
                    for i in range(passages)
                ],
            )
        return runs.report(run)
