"""What a good voice may cost: text learnt by heart, and what the base model could do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from markupsafe import Markup

from voicewright.core import labels
from voicewright.reporting.blocks import Block, Section, Table, figure, found, number
from voicewright.reporting.plots import axis, strip
from voicewright.reporting.similarity_sections import tested

Row = list[str | Markup]


def copying_section(voice: Mapping[str, Any], source: str) -> Section:
    """Copied spans by where they come from, the voice without them, and the spans themselves."""
    arms = labels.ordered(voice["arms"])
    blocks: list[Block] = [_copied(voice["copying"], arms), _without(voice, arms)]
    spans = _spans(voice["copying"])
    if spans:
        words = "The longest copied spans, each beside the author's own text that holds it."
        head: list[str | Markup] = ["What the model said", "By whom", "Words", "What the author wrote"]
        title = f"The copied spans ({len(spans)})"
        blocks.append(Table(words, head, spans, source, title, folded=len(spans) > 5))
    return Section("Does it copy?", [voice["copying"]["definition"]], blocks)


def _copied(copying: Mapping[str, Any], arms: Sequence[str]) -> Table:
    by_split = {split: {arm: row[split] for arm, row in copying["arms"].items()} for split in ("training", "heldout")}
    kinds = [
        ("Shared with the training text", by_split["training"], copying.get("author")),
        ("Shared with the text held out of training", by_split["heldout"], None),
        ("When asked to continue training text", copying.get("training_prefixes", {}).get("arms", {}), None),
    ]
    rows: list[Row] = [
        [kind, *(_share(by_arm.get(arm)) for arm in arms), _share(own)] for kind, by_arm, own in kinds if by_arm
    ]
    words = (
        "The longest span, the words that lie in such spans, and the answers that hold a flagged one. The base model "
        "never read the author, so its spans are common phrases; the last column is what the author, in text held out "
        "of training, repeats of the training text. What was held out can be copied only if it was trained on after "
        "all."
    )
    return Table(words, ["What the answers share", *map(labels.arm, arms), labels.AUTHOR], rows)


def _share(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    flagged = number(row["generations_flagged_percent"], 1)
    long, longer = row["spans_over_10"], row["spans_over_20"]
    return (
        f"{row['longest_words']} words\n{number(row['coverage_percent'], 1)}% of the words; "
        f"{flagged}% of {row['generations']:,} answers flagged"
        + (f"; {long:,} spans over 10 words, {longer:,} over 20" if long else "")
    )


def _without(voice: Mapping[str, Any], arms: Sequence[str]) -> Table:
    transfer, cleaned = voice["measures"]["transfer"]["arms"], voice["copying"].get("transfer_without_copies", {})
    rows: list[Row] = []
    for arm in arms:
        score = found(transfer.get(arm), 0)
        same = (
            "the same: no span of over 10 words to cut" if (transfer.get(arm) or {}).get("value") is not None else "-"
        )
        rows.append([labels.arm(arm), score, found(cleaned[arm], 0) if arm in cleaned else same])
    words = (
        "A model that repeats the author sounds like the author. So voice transfer is measured again on the answers "
        "with every copied span of over 10 words cut out: a voice that is more than memory keeps its score."
    )
    return Table(words, ["Whose text", "Voice transfer", "Without what was copied"], rows, title="The voice without it")


def _spans(copying: Mapping[str, Any]) -> list[Row]:
    parts = [copying.get("arms", {}), copying.get("training_prefixes", {}).get("arms", {})]
    return [
        [span["text"], labels.arm(arm), str(span["words"]),
         "\n".join(filter(None, [span.get("author_text"), str(span["source"])]))]
        for part in parts for arm in labels.ordered(part) for span in part[arm].get("shown", [])
    ]  # fmt: skip


def forgetting_section(voice: Mapping[str, Any], source: str) -> Section | None:
    """What is kept outside the author's field, and whether the voice leaks there; None where nothing was asked."""
    forgetting = voice["forgetting"]
    blocks = [
        *_answers(forgetting),
        *_leaks(forgetting.get("leakage") or {}),
        *_tasks(forgetting.get("tasks") or {}),
    ]
    if not blocks:
        return None
    return Section("What it can still do", [], [*blocks[:-1], replace(blocks[-1], source=source)])


def _answers(forgetting: Mapping[str, Any]) -> list[Table]:
    by_arm = forgetting.get("arms") or {}
    if not by_arm:
        return []
    arms, bound = labels.ordered(by_arm), 100.0 - forgetting["margin_percent"]
    shown = tested(arms)
    scale = (0.0, 160.0)
    rows: list[Row] = []
    for kind in next(iter(by_arm.values())):
        row = by_arm.get(shown or "", {}).get(kind) or {}
        said = f"{kind}: {figure(row.get('value'), row.get('low'), row.get('high'))}, not worse above {bound:g}"
        drawn = strip(row.get("value"), row.get("low"), row.get("high"), scale=scale, marks=(100,), target=bound,
                      said=said)  # fmt: skip
        rows.append([
            "all kinds together" if kind == "all" else labels.kind(kind),
            *(_kept(by_arm[arm].get(kind)) for arm in arms),
            drawn,
            str(row.get("prompts", "-")),
        ])  # fmt: skip
    words = (
        "Answers to prompts that have nothing to do with the author are compared with the base model's: 100 means that "
        "they share as many words with its answers as its own answers share with one another. Only when the whole "
        f"bar lies above {bound:g}, at the upright stroke, has the model become no worse."
    )
    head: list[str | Markup] = ["Kind of prompt", *map(labels.arm, arms), axis(scale, {100: "100"}), "Prompts"]
    return [Table(words, head, rows)]


def _kept(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    return found(row, 0) + ("" if row["value"] is None else f"\n{labels.outcome(row['outcome'])}")


def _leaks(leakage: Mapping[str, Any]) -> list[Table]:
    rows: list[Row] = [
        [labels.arm(arm), f"{number(leakage[arm]['percent_of_the_way'])}%"] for arm in labels.ordered(leakage)
    ]
    words = (
        "How far the voice leaks into those answers, where nobody asked for it: 0% is the base model, 100% the "
        "author. A model for one voice may well leak; one that is to do other work should not."
    )
    head: list[str | Markup] = ["Whose text", "Of the way to the author"]
    return [Table(words, head, rows, title="Does the voice leak?")] if rows else []


def _tasks(tasks: Mapping[str, Any]) -> list[Table]:
    """The tests of lm-evaluation-harness that the recipe asked for."""
    by_arm = tasks.get("arms") or {}
    arms = labels.ordered(by_arm)
    rows: list[Row] = []
    for task in dict.fromkeys(task for told in by_arm.values() for task in told):
        told = [by_arm[arm].get(task) for arm in arms]
        first = next(row for row in told if row is not None)
        rows.append([
            f"{task}\n{first['questions']:,} questions",
            number(first.get("base"), 1),
            *("-" if row is None else f"{number(row.get('arm'), 1)}\n{_points(row)}" for row in told),
        ])  # fmt: skip
    words = (
        "Public tests, the same questions put to both models (lm-evaluation-harness): percent right, and under it how "
        f"many points more or fewer than the base. Only when the whole interval lies above "
        f"{number(-tasks.get('margin_points', 0.0))} points has the model become no worse."
    )
    head: list[str | Markup] = ["Test", "base model", *map(labels.arm, arms)]
    return [Table(words, head, rows, title="Public tests")] if rows else []


def _points(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return str(row["why"] or row["status"])
    return f"{'+' if row['value'] > 0 else ''}{found(row)}\n{labels.outcome(row['outcome'])}"
