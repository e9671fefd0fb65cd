"""How near the voice has come: the measures, their parts, the author's habits, and the scale they stand on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from voicewright.core import labels
from voicewright.core.documents.judging import TESTED_ARM
from voicewright.decision.targets import VOICE_TITLES
from voicewright.metrics.samples import BASE
from voicewright.reporting.blocks import Block, Section, Table, ends, figure, found, number
from voicewright.reporting.plots import Scale, around, axis, strip

Row = list[str | Markup]
Figure = Mapping[str, Any]
NEAREST = 3
# The habits that a writer asks for by name; the others follow.
FIRST = ("you_per_1000", "sentence_words", "paragraph_words", "dialogue")
# Less is as often as the author.
MORE = 1.05


def section(voice: Mapping[str, Any], source: str) -> Section:
    """The measures of voice.json, those with targets first."""
    arms = labels.ordered(voice["arms"])
    measures = voice["measures"]
    aimed = {name: measures[name] for name in VOICE_TITLES if name in measures}
    habits = {name: m for name, m in measures.items() if _reference(m).get("author_band")}
    # The longest copied span stands with the other figures of copying, the author's own terms with their list.
    apart = {*aimed, *habits, "copying"}
    others = {name: m for name, m in measures.items() if name not in apart}
    habits = {name: m for name, m in habits.items() if name not in ("own_terms", "slop")}
    habits = {name: habits[name] for name in (*FIRST, *habits) if name in habits}
    blocks = [_aimed(aimed, arms), *_parts(voice, arms), _habits(habits, voice, arms), _others(others, arms)]
    kept = [block for block in [*blocks, _scale(voice, source)] if block is not None]
    alarms = [f"Caricature alarm, {labels.arm(arm)}. {' '.join(said)}" for arm, said in voice["caricature"].items()]
    return Section("The voice, measured", [_basis(voice), *voice["notes"], *_reasons(measures)], kept, alarms=alarms)


def _reference(measure: Mapping[str, Any]) -> Mapping[str, Any]:
    return measure.get("reference") or {}


def _basis(voice: Mapping[str, Any]) -> str:
    marks = voice["calibration"]
    return (
        f"Every figure compares what a model wrote with what the author wrote, in passages of {marks['block_words']} "
        f"words: {marks['training_words']:,} words that training saw, and {marks['heldout_blocks']} passages that it "
        "never saw. In brackets stands what chance allows: 95 of 100 repetitions would fall there."
    )


def _reasons(measures: Mapping[str, Any]) -> list[str]:
    """Why figures are missing, each reason once."""
    missing: dict[tuple[str, str], list[str]] = defaultdict(list)
    for measure in measures.values():
        for arm, row in measure["arms"].items():
            if row["value"] is None and row["why"]:
                missing[arm, row["why"]].append(measure["title"].lower())
    return [
        f"No figure for the {labels.arm(arm)} in {', '.join(titles[:4])}"
        f"{f' and {len(titles) - 4} more' if len(titles) > 4 else ''}: {why}."
        for (arm, why), titles in missing.items()
    ]


def tested(arms: Sequence[str]) -> str | None:
    """The arm that is drawn: the fine-tuned model, else the last one beside the base."""
    moved = [arm for arm in arms if arm != BASE]
    return TESTED_ARM if TESTED_ARM in moved else moved[-1] if moved else None


def gain(row: Figure | None, digits: int | None = None) -> str:
    """How much better than the base an arm is, with the sign and in a word."""
    if not row or row["value"] is None:
        return "-"
    word = "better" if row["low"] > 0 else "worse" if row["high"] < 0 else "no clear difference"
    return f"{'+' if row['value'] > 0 else ''}{found(row, digits)}\n{word}"


def _gain(measure: Mapping[str, Any], arm: str | None) -> str:
    return gain((_reference(measure).get("gain_over_base") or {}).get(arm), _digits(measure))


def _digits(measure: Mapping[str, Any]) -> int | None:
    return 0 if measure["unit"].startswith("percent of the") else None


def _strip(row: Figure | None, base: Figure | None, scale: Scale, said: str, **drawn: Any) -> Markup:
    row, before = row or {}, (base or {}).get("value")
    told = f"{said}: {figure(row.get('value'), row.get('low'), row.get('high'), None)}"
    told += f"; the base model {number(before, None)}" if before is not None else ""
    return strip(row.get("value"), row.get("low"), row.get("high"), scale=scale, before=before, said=told, **drawn)


def _percent_scale(rows: Sequence[Mapping[str, Any]]) -> Scale:
    known = ends(rows)
    return max(min([0.0, *known]), -60.0), min(max([100.0, *known]), 160.0)


def _aimed(measures: Mapping[str, Any], arms: Sequence[str]) -> Table | None:
    shown = tested(arms)
    scale = _percent_scale([row for m in measures.values() for row in m["arms"].values()])
    rows: list[Row] = []
    for name, measure in measures.items():
        found_ = measure["arms"]
        # Transfer is itself the way from the base.
        gained = gain(found_.get(shown or ""), 0) if name == "transfer" else _gain(measure, shown)
        rows.append([
            f"{measure['title']}\n{measure['definition']}",
            *(found(found_.get(arm), 0) for arm in arms),
            _strip(found_.get(shown or ""), found_.get(BASE), scale, measure["title"], marks=(0, 100)),
            gained,
        ])  # fmt: skip
    others = _reference(measures.get("transfer", {}))
    words = (
        "The five measures with targets, in percent: 100 is the level of the author's own text that training never "
        "saw. The ring is the base model, the dot the fine-tuned model, its bar what chance allows."
    )
    if others.get("other_authors") is not None:
        nearest = others["nearest_other_author"]
        words += (
            f" For comparison, on the scale of voice transfer other writers stand at {number(others['other_authors'])} "
            f"on average, and the nearest of them, {nearest['name']}, at {number(nearest['value'])}."
        )
    head: list[str | Markup] = ["Measure", *map(labels.arm, arms), axis(scale, {0: "0", 100: "100"}), "Over the base"]
    return Table(words, head, rows, title="How far it has come") if rows else None


def _parts(voice: Mapping[str, Any], arms: Sequence[str]) -> list[Block]:
    """Transfer again, by what it is made of and by kind of prompt."""
    marks = voice["calibration"]
    views = {f"{view['title']}\n{view['definition']}": view["arms"] for view in (marks.get("views") or {}).values()}
    kinds = {labels.kind(kind): rows for kind, rows in sorted((marks.get("by_domain") or {}).items())}
    said = (
        "The same score for each thing by which writers are told apart, alone: where the voice has arrived, and where "
        "it has not. 0 is the base model, 100 the author's unseen text.",
        "The same score for each kind of prompt: 0 is the base model, so each figure is the improvement over it. A "
        "kind with few prompts has a wide bar.",
    )
    tables = (
        _part("By what the voice is made of", "Part of the voice", said[0], views, arms),
        _part("By kind of prompt", "Kind of prompt", said[1], kinds, arms),
    )
    return [table for table in tables if table is not None]


def _part(title: str, what: str, words: str, parts: Mapping[str, Any], arms: Sequence[str]) -> Table | None:
    moved, shown = [arm for arm in arms if arm != BASE], tested(arms)
    if not parts or shown is None:
        return None
    scale = _percent_scale([row for rows in parts.values() for row in rows.values()])
    rows: list[Row] = [
        [part, *(found(by_arm.get(arm), 0) for arm in moved),
         _strip(by_arm.get(shown), None, scale, part.partition("\n")[0], marks=(0, 100))]
        for part, by_arm in parts.items()
    ]  # fmt: skip
    return Table(words, [what, *map(labels.arm, moved), axis(scale, {0: "0", 100: "100"})], rows, title=title)


def _habits(measures: Mapping[str, Any], voice: Mapping[str, Any], arms: Sequence[str]) -> Table | None:
    """Plain rates beside the author's own, what is overdone, and what is nearer the author than the base was."""
    shown = tested(arms)
    rows: list[Row] = []
    for name, measure in measures.items():
        reference, by_arm = _reference(measure), measure["arms"]
        low, high = reference["author_band"]
        scale = around([low, high, *ends(by_arm.values())])
        unseen = reference["heldout"]["value"]
        rows.append([
            f"{measure['title']}\n{_gloss(measure)}",
            *(_habit(by_arm.get(arm), (voice["overshoot"].get(arm) or {}).get(name)) for arm in arms),
            figure(reference["author"], low, high, None)
            + ("" if unseen is None else f"\nunseen: {number(unseen, None)}"),
            _strip(by_arm.get(shown or ""), by_arm.get(BASE), scale, measure["title"], band=(low, high)),
            _gain(measure, shown),
        ])  # fmt: skip
    words = (
        "What a reader notices without counting. The shaded band holds eight of ten of the author's passages; the ring "
        "is the base model, the dot the fine-tuned model. Under a figure that is more than the author's stands how "
        "many times as much: a habit is overdone when it is clearly over one and a half times the author's rate, over "
        "nine in ten of the author's passages, and over the base. The last column says how much nearer the author than "
        "the base it has come."
    )
    head: list[str | Markup] = ["Habit", *map(labels.arm, arms), labels.AUTHOR, "", "Nearer than the base"]
    return Table(words, head, rows, title="The author's habits") if rows else None


def _gloss(measure: Mapping[str, Any]) -> str:
    # Of what is merely counted, the title says it all.
    said = str(measure["definition"])
    return str(measure["unit"]) if said.startswith("How often a passage has") else f"{said} ({measure['unit']})"


def _habit(row: Mapping[str, Any] | None, over: Mapping[str, Any] | None) -> str:
    shown = found(row)
    if over and over["times_the_author"] >= MORE:
        shown += f"\n{over['times_the_author']:.1f} times the author" + (", overdone" if over["overdone"] else "")
    return shown


def _others(measures: Mapping[str, Any], arms: Sequence[str]) -> Table | None:
    shown = tested(arms)
    rows: list[Row] = [
        [
            f"{m['title']}\n{m['definition']} ({m['unit']})",
            *(found(m["arms"].get(arm), _digits(m)) for arm in arms),
            _gain(m, shown),
        ]
        for m in measures.values()
    ]
    words = (
        "Checks beside the voice: whether it is language at all, whether it is about what the author writes about, how "
        "well the model foresees the author's unseen text, and whether it answers at full length."
    )
    head: list[str | Markup] = ["Measure", *map(labels.arm, arms), "Over the base"]
    return Table(words, head, rows, title="What else was measured") if rows else None


def _scale(voice: Mapping[str, Any], source: str) -> Table | None:
    marks = voice["calibration"]
    distances = marks.get("distance") or {}
    others = [(name, far) for name, far in (marks.get("other_authors") or {}).items() if name != "the base model"]
    nearest = sorted(others, key=lambda pair: pair[1])[:NEAREST]
    known = [row["value"] for row in distances.values() if row["value"] is not None] + [far for _, far in nearest]
    if not known:
        return None
    scale = (min(known) - 0.05, max(known) + 0.05)
    order = [*labels.ordered(name for name in distances if name != "heldout"), "heldout"]
    rows: list[Row] = [
        [labels.arm(arm), found(distances[arm]), _strip(distances[arm], None, scale, labels.arm(arm))]
        for arm in order if arm in distances
    ]  # fmt: skip
    rows += [
        [f"another author: {name}", number(far, None), strip(far, None, None, scale=scale, said=f"{name}: {far:.2f}")]
        for name, far in nearest
    ]
    words = (
        "How far each text lies from the author's training text, before 0 and 100 are set: lower is nearer. Where the "
        "author's unseen text lies no nearer than the base, or a model no nearer than other authors, the voice "
        "has not moved."
    )
    return Table(words, ["Whose text", "Distance", ""], rows, source, title="Where the scale comes from", folded=True)
