"""Memories as samples of three modes: wrapped, kept apart, measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voicewright.core.errors import UserError
from voicewright.data import stats
from voicewright.data.assembly import Assembly
from voicewright.data.shapes import modes
from voicewright.recipe.schema import Recipe

Make = Callable[..., Assembly]
TYPES = {"reflection": "dual", "dialogue": "emulation", "task": "agent"}


def memory(kind: str, text: str, day: int = 1, **metadata: str) -> dict[str, Any]:
    return {"type": kind, "text": text, "time": f"2026-01-{day:02}T08:00:00", "metadata": metadata}


def prepared(assembled: Make, tmp_path: Path, values: list[Any], **modes: Any) -> Assembly:
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(value) + "\n" for value in values))
    settings = {"types": TYPES, "fillers": ["Of course"], "family": None} | modes
    return assembled({"me": {"path": str(tmp_path), "shape": "modes"}}, modes=settings, min_tokens=1)


THREE = [
    memory("reflection", "The water has forgotten him.", 1, thought="the old man"),
    memory("dialogue", "Of course, mind the nineteenth.", 2, prompt="Which rung?"),
    memory("task", "I counted them. Sixty-one.", 3, instruction="Count the rungs."),
]


def test_each_type_becomes_a_sample_of_its_mode(assembled: Make, tmp_path: Path) -> None:
    texts = [piece.row.text for piece in prepared(assembled, tmp_path, THREE).output.rows]
    assert texts == [
        "<thought>the old man</thought>\n<world>The water has forgotten him.</world>",
        "<user>Which rung?</user>\n<assistant>Mind the nineteenth.</assistant>",
        "<instruction>Count the rungs.</instruction>\n<action>I counted them. Sixty-one.</action>",
    ]


def test_one_mode_can_be_trained_alone(assembled: Make, tmp_path: Path) -> None:
    more = [memory("task", f"Done, {day}.", day, instruction="Do it.") for day in range(4, 9)]
    assembly = prepared(assembled, tmp_path, THREE + more, only=["agent"])
    assert {piece.row.mode for piece in assembly.output.rows} == {"agent"}
    assert sum("data.modes.only" in drop.reason for drop in assembly.output.dropped) == 2


def test_a_first_run_takes_a_few_rows_and_says_how_many_are_left(assembled: Make, tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text(
        "".join(json.dumps(memory("task", f"Done, {n}.", 1 + n % 28, instruction=f"Do {n}.")) + "\n" for n in range(40))
    )
    source = {"me": {"path": str(tmp_path), "shape": "modes"}}
    assembly = assembled(source, modes={"types": TYPES}, min_tokens=1, max_rows=12)
    assert len(assembly.output.rows) == 12
    assert any("28 rows are left" in drop.reason for drop in assembly.output.dropped)


def test_a_family_wraps_the_roles(assembled: Make, tmp_path: Path) -> None:
    text = prepared(assembled, tmp_path, THREE, family="llama").output.rows[0].row.all_text
    assert text.startswith("<|start_header_id|>user<|end_header_id|>\n\n<thought>")
    assert text.endswith("</world><|eot_id|>")


def test_every_family_has_its_three_keys() -> None:
    for name in ("qwen", "llama", "phi", "gptj"):
        assert modes.family(name).user_prefix
    with pytest.raises(UserError, match="Families: gptj, llama, phi, qwen"):
        modes.family("mistral")


def test_the_models_own_end_of_text_is_not_written_twice(assembled: Make, tmp_path: Path) -> None:
    text = prepared(assembled, tmp_path, THREE, family="gptj").output.rows[0].row.all_text
    assert text.endswith("</world>")


def test_a_sample_with_another_modes_tags_fails_and_names_the_row(assembled: Make, tmp_path: Path) -> None:
    values = [*THREE, memory("reflection", "He said <action>go</action>.", 4, thought="then")]
    with pytest.raises(UserError) as refused:
        prepared(assembled, tmp_path, values)
    (problem,) = refused.value.problems
    assert "m.jsonl:4: a dual sample holds </action>, <action>" in problem


def test_a_type_without_a_mode_is_named(assembled: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"m.jsonl:1: type 'smell' has no mode"):
        prepared(assembled, tmp_path, [memory("smell", "Peat."), *THREE])


def test_a_memory_that_answers_nothing_is_left_out_and_said(assembled: Make, tmp_path: Path) -> None:
    result = prepared(assembled, tmp_path, [*THREE, memory("reflection", "Peat.", 4)])
    assert [drop.reason for drop in result.output.dropped] == [
        "the memory has nothing that it answers (metadata: prompt, context, ...)"
    ]


def test_a_memory_may_hold_its_own_pair(assembled: Make, tmp_path: Path) -> None:
    values = [*THREE[1:], memory("reflection", "<thought>rain</thought><world>It rained.</world>", 4)]
    texts = [piece.row.all_text for piece in prepared(assembled, tmp_path, values).output.rows]
    assert any("<thought>rain</thought>\n<world>It rained." in text for text in texts)


def test_the_steps_on_the_way_are_kept(assembled: Make, tmp_path: Path) -> None:
    files = prepared(assembled, tmp_path, THREE).output.files
    steps = {"curated.jsonl", "formatted.jsonl", "schema_applied.jsonl", "final.jsonl", "summary.json"}
    assert set(files) == {f"modes/me/{name}" for name in steps}


def test_the_balance_of_modes_is_measured_over_all_sources(
    with_sources: Callable[..., Recipe], assembled: Make, tmp_path: Path
) -> None:
    sources = {}
    for name, kind in (("said", "dialogue"), ("done", "task")):
        values = [memory(kind, f"The rung is {n}.", n, prompt=f"Which rung is {n}?") for n in range(1, 5)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(value) + "\n" for value in values))
        sources[name] = {"path": str(tmp_path / f"{name}.jsonl"), "shape": "modes"}
    data: dict[str, Any] = {"modes": {"types": TYPES}, "min_tokens": 1}
    result = assembled(sources, **data)
    checks = stats.gather(with_sources(sources, **data), result).checks
    shares = {m.name: m.value for m in checks.modes or [] if m.name.startswith("share")}
    assert shares == {"share of dual": 0, "share of emulation": 0.5, "share of agent": 0.5}
    summaries = [json.loads(str(result.output.files[f"modes/{name}/summary.json"])) for name in sources]
    assert [each["memories"] for each in summaries] == [4, 4]


def measured(replies: list[tuple[str, int]], filler: bool = False) -> dict[str, str]:
    samples = [(mode, " ".join(["word"] * (n - 2) + (["of course"] if filler else ["a", "b"]))) for mode, n in replies]
    return {m.name: m.status for m in modes.metrics(samples, ["of course"])}


def test_good_samples_are_green_but_for_their_number() -> None:
    replies = [("dual", 33)] * 41 + [("emulation", 33)] * 41 + [("agent", 33)] * 12 + [("dual", 101)] * 6
    statuses = measured(replies)
    assert statuses.pop("samples") == "red"
    assert set(statuses.values()) == {"green"}


@pytest.mark.parametrize(
    ("replies", "name", "status"),
    [
        ([("dual", 61)] * 20, "average reply", "red"),
        ([("dual", 50)] * 20, "average reply", "amber"),
        ([("dual", 41)] * 9 + [("dual", 30)] * 11, "short replies", "red"),
        ([("dual", 41)] * 6 + [("dual", 30)] * 14, "short replies", "amber"),
        ([("dual", 33)] * 96 + [("agent", 33)] * 4, "share of agent", "red"),
        ([("dual", 33)] * 93 + [("agent", 33)] * 7, "share of agent", "amber"),
        ([("dual", 33)] * 20, "share of emulation", "red"),
    ],
)
def test_thresholds_of_the_modes(replies: list[tuple[str, int]], name: str, status: str) -> None:
    assert measured(replies)[name] == status


def test_filler_is_red_and_every_finding_has_its_fix() -> None:
    assert measured([("dual", 33)] * 20, filler=True)["filler"] == "red"
    metrics = modes.metrics([("dual", "of course " * 40)], ["of course"])
    assert all((metric.fix is None) == (metric.status == "green") for metric in metrics)
