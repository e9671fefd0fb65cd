"""Deploy, don't, or not enough evidence yet: RUN -> decision.json, from voice.json, blind/verdict.json and the targets.

    python -m benchmarks.decide RUN

The targets are those that stood in the recipe when the pairs were made; changing them after a vote changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from voicewright.cli import arguments
from voicewright.core import labels, training_events
from voicewright.core.documents.base import read_document
from voicewright.core.documents.voice_report import VoiceReport
from voicewright.core.errors import exits_cleanly, notice
from voicewright.core.paths import Run
from voicewright.core.records import content_id, read_json, read_rows, write_json
from voicewright.decision import targets
from voicewright.decision.advice import advise
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe


def decision(
    settings: Recipe,
    wanted: dict[str, float],
    voice: VoiceReport | None,
    verdict: dict[str, Any] | None,
    losses: list[dict[str, Any]],
) -> dict[str, Any]:
    """The decision document of a run; `voice` and `verdict` are None where they were not made."""
    held = {name: targets.hold_voice(name, wanted[name], voice) for name in targets.VOICE}
    first, *others = settings.blind.against
    voted = {"blind": first, **({"prompted": "prompted"} if "prompted" in others else {})}
    for name, arm in voted.items():
        title = f"Blind win rate over the {labels.arm(arm).removeprefix('the ')}"
        held[name] = targets.hold_blind(title, wanted[name], verdict, arm)
    held["copying"] = targets.hold_copying(voice)
    held["forgetting"] = targets.hold_forgetting(voice)
    word, sentence = targets.decide(held)
    advice = [] if word == "deploy" else advise(settings, held, losses)
    return {"decision": word, "sentence": sentence, "targets": targets.as_rows(held), "advice": advice}


def committed_targets(run: Run, settings: Recipe) -> dict[str, float]:
    """The targets as written down with the pairs; the recipe's where there are no pairs yet."""
    now: dict[str, float] = settings.targets.model_dump()
    path = run.targets_path
    if not path.exists():
        return now
    committed: dict[str, float] = {**now, **read_json(path)}
    changed = [name for name in now if committed[name] != now[name]]
    if changed:
        notice(f"targets changed since the pairs were made ({', '.join(changed)}): the earlier ones hold")
    return committed


def count_look(run: Run, planned: int) -> dict[str, Any]:
    """Note that these votes were looked at; looks beyond the plan make the stated error too small, and it is said.

    The built-in judge's votes cannot lead to a deployment, so looking at them is free.
    """
    path = run.blind_dir / "looks.json"
    seen: list[str] = read_json(path) if path.exists() else []
    rows = read_rows(run.votes_path) if run.votes_path.exists() else ()
    votes = sorted(content_id(row) for row in rows if row.get("kind") != "built-in")
    if votes and content_id(votes) not in seen:
        seen.append(content_id(votes))
        write_json(path, seen)
    return {"planned": planned, "taken": len(seen)}


def training_losses(run: Run) -> list[dict[str, Any]]:
    """What the training logged: losses by step; empty where the run was not trained here."""
    logged = training_events.read(run.adapter_dir)
    return [
        {"step": step, key: value}
        for key in ("loss", "eval_loss")
        for step, value in training_events.curve(logged, key)
    ]


def _optional(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    document: dict[str, Any] = read_json(path)
    return document


def line(held: dict[str, Any]) -> str:
    """One target in one line."""
    figure = "-" if held["value"] is None else f"{held['value']:.0f} ({held['low']:.0f} to {held['high']:.0f})"
    bound = "" if held["target"] is None else f", {'at most' if held['below'] else 'above'} {held['target']:g}"
    return f"  {held['title']}: {figure}{bound}: {held['outcome']}" + (f" ({held['why']})" if held["why"] else "")


@exits_cleanly
def main() -> None:
    name, _ = arguments.parse(__doc__, {})
    run, settings = Run(name), recipes.load(name)
    wanted = committed_targets(run, settings)
    voice = read_document(run.voice_path, VoiceReport) if run.voice_path.exists() else None
    document = decision(settings, wanted, voice, _optional(run.verdict_path), training_losses(run))
    document["looks"] = count_look(run, settings.blind.looks)
    write_json(run.decision_path, document)
    print(document["sentence"])
    for held in document["targets"].values():
        print(line(held))
    for advice in document["advice"]:
        print(f"{advice['seen']}: {advice['do']}" + (f"\n  {advice['command']}" if advice["command"] else ""))


if __name__ == "__main__":
    main()
