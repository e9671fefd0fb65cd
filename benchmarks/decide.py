"""Deploy, don't, or not enough evidence yet: RUN -> decision.json, from voice.json, blind/verdict.json and the targets.

python -m benchmarks.decide RUN
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import targets
from voicewright import command, recipe
from voicewright.errors import exits_cleanly
from voicewright.layout import Run
from voicewright.records import read_json, write_json
from voicewright.schema import Recipe


def decision(settings: Recipe, voice: dict[str, Any] | None, verdict: dict[str, Any] | None) -> dict[str, Any]:
    """The decision document of a run; `voice` and `verdict` are None where they were not made."""
    wanted = settings.targets.model_dump()
    held = {name: targets.hold_voice(name, wanted[name], voice) for name in targets.VOICE}
    against = settings.blind.against[0]
    held["blind"] = targets.hold_blind(f"Blind win rate over {against}", wanted["blind"], verdict, against)
    word, sentence = targets.decide(held)
    return {"decision": word, "sentence": sentence, "targets": targets.as_rows(held), "advice": []}


def _optional(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    document: dict[str, Any] = read_json(path)
    return document


@exits_cleanly
def main() -> None:
    name, _ = command.parse(__doc__, {})
    run = Run(name)
    document = decision(recipe.load(name), _optional(run.voice_path), _optional(run.verdict_path))
    write_json(run.decision_path, document)
    print(document["sentence"])
    for held in document["targets"].values():
        figure = "-" if held["value"] is None else f"{held['value']:.0f} ({held['low']:.0f} to {held['high']:.0f})"
        print(
            f"  {held['title']}: {figure}, target {held['target']:g}: {held['outcome']}"
            + (f" ({held['why']})" if held["why"] else "")
        )


if __name__ == "__main__":
    main()
