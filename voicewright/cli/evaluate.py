"""Commands that generate, measure and have texts judged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voicewright.cli.command import PORT, Number, command, option, would
from voicewright.cli.running import existing_run, run_command, run_stages, stage_options
from voicewright.core.errors import UserError

if TYPE_CHECKING:
    from voicewright.pipeline.run_selection import RunRequest

SECTION = "Evaluate"


@run_command("baseline", SECTION, "baseline RECIPE=visions", changes_recipe=True)
@stage_options
def baseline(request: RunRequest, force: str | None, checkpoint: str | None) -> None:
    """The base model's texts, before anything is trained."""
    run_stages("baseline", request, force=force, checkpoint=checkpoint)


@run_command("generate", SECTION, "generate RUN=mini",
             "generate RUN=mini ARM=baseline URL=http://127.0.0.1:8000/v1",
             "generate RUN=mini ARM=theirs URL=https://host/v1 MODEL=their-name", changes_recipe=True)  # fmt: skip
@option("arm", help="Only these arms, with commas between them, of a server that is up; checkpoints: all of them.")
@option("url", help="An OpenAI-compatible endpoint instead of the recipe's.")
@option("model", help="The name of the model at that endpoint.")
@stage_options
def generate(
    request: RunRequest, arm: str | None, url: str | None, model: str | None, force: str | None, checkpoint: str | None
) -> None:
    """Every arm's texts: the same prompts, seeds and lengths, one server at a time."""
    if not (arm or url or model):
        run_stages("generate", request, force=force, checkpoint=checkpoint)
        return
    run = existing_run(request)
    arms = (arm or "baseline").split(",")
    if not would(f"ask {', '.join(arms)}{f' at {url}' if url else ''} for run {run.name}"):
        from voicewright.generation.arms import generate

        generate(run, arms, url=url, model=model, force=(force or "").split(","))


@run_command("voice", SECTION, "voice RUN=mini", changes_recipe=True)
@stage_options
def voice(request: RunRequest, force: str | None, checkpoint: str | None) -> None:
    """How close each arm is to the author, with intervals."""
    run_stages("voice", request, force=force, checkpoint=checkpoint)


@run_command("pair", SECTION, "pair RUN=mini VERSUS=finetuned:baseline,finetuned:author", changes_recipe=True)
@option("versus", help="Which arms are paired; without it, as the recipe says.")
@stage_options
def pair(request: RunRequest, versus: str | None, force: str | None, checkpoint: str | None) -> None:
    """Blind pairs of the arms' texts, and their key."""
    if not versus:
        run_stages("pair", request, force=force, checkpoint=checkpoint)
        return
    run = existing_run(request)
    if not would(f"pair {versus} in run {run.name}"):
        from voicewright.pipeline import worker
        from voicewright.pipeline.stages import StageOptions

        pairs = [(first, second) for first, _, second in (word.partition(":") for word in versus.split(","))]
        worker.pair(run, StageOptions(), pairs)


@run_command("judge", SECTION, "judge RUN=mini", "judge RUN=mini JUDGES=stylometric YES=1", changes_recipe=True)
@option("judges", help="Only these of the recipe's judges, with commas between them.")
@option("yes", is_flag=True, help="Agree to the estimated cost.")
@stage_options
def judge(request: RunRequest, judges: str | None, yes: bool, force: str | None, checkpoint: str | None) -> None:
    """The judges' qualification, and their votes on the pairs."""
    if not judges:
        run_stages("judge", request, force=force, checkpoint=checkpoint, agreed=yes)
        return
    run = existing_run(request)
    if not would(f"ask {judges} about the pairs of run {run.name}"):
        from voicewright.judging.panel import judge_run
        from voicewright.recipe import recipes

        judge_run(run, recipes.load(run.name), judges.split(","), agreed=yes)


@run_command("blind", SECTION, "blind RUN=mini", changes_recipe=True)
@option("serve", type=bool, help="Serve the page on this machine; without it, from a terminal.")
@option("port", type=PORT, default=8010, help="Where it is served.")
@option("pairs", type=Number(1), help="How many pairs; without it, as the recipe says.")
def blind(request: RunRequest, serve: bool | None, port: int, pairs: int | None) -> None:
    """The readers' packet: a page to mail to friends, served here too."""
    from voicewright.judging.packet import serve_packet, write_packet
    from voicewright.recipe import recipes

    run = run_stages("packet", request, then=f"serve the packet at port {port}")
    serves = sys.stdin.isatty() if serve is None else serve
    if serves or pairs:
        packet = write_packet(run, recipes.load(run.name).blind, pairs)
        if serves:
            serve_packet(run, packet, port)


@run_command("ballots", SECTION, "ballots RUN=mini FILES=anna.json,ben.json")
@option("files", help="Ballots that readers sent back, with commas between them; without it, those handed in here.")
def ballots(request: RunRequest, files: str | None) -> None:
    """Readers' ballots into the votes."""
    run = existing_run(request)
    if not would(f"count {files or 'the ballots that were handed in'} for run {run.name}"):
        from voicewright.judging.ballots import merge_ballots

        merged, problems = merge_ballots(run, [Path(file.strip()) for file in (files or "").split(",") if file.strip()])
        for ballot in merged:
            click.echo(f"{ballot.file}: {ballot.n_votes} votes of reader {ballot.reader} counted")
        if problems:
            raise UserError(problems)


@run_command("verdict", SECTION, "verdict RUN=mini", "verdict PAIRS=pairs.jsonl VOTES=votes.jsonl", changes_recipe=True)
@option("pairs", help="A file of pairs, instead of a run's.")
@option("votes", help="A file of votes, instead of a run's.")
@option("key", help="The arm behind each text of the pairs.")
@option("out", help="Where the verdict is written.")
@option("looks", type=Number(1), help="How often the votes are looked at while they come in.")
@stage_options
def verdict(
    request: RunRequest, pairs: str | None, votes: str | None, key: str | None, out: str | None, looks: int | None,
    force: str | None, checkpoint: str | None,
) -> None:  # fmt: skip
    """What the votes say, with intervals.

    Pairs: {"id", "x", "y"} and, if known, "prompt_id" (the unit of inference) and "domain".
    Votes: {"pair", "judge", "vote": "x" | "y" | "tie" | null} and, if known, "kind", "question", "order".
    Key: {"id", "x", "y"}, the arm behind each text; without one the rates are of x against y.
    """
    if not (pairs or votes):
        run_stages("verdict", request, force=force, checkpoint=checkpoint)
        return
    if not pairs or not votes:
        raise UserError("PAIRS and VOTES are needed together", hint="make verdict PAIRS=pairs.jsonl VOTES=votes.jsonl")
    if would(f"read {pairs} and {votes}"):
        return
    from voicewright.core.documents.base import write_document
    from voicewright.judging.verdict import summary, verdict_of_files

    pairs_path, votes_path = Path(pairs), Path(votes)
    key_path = Path(key) if key else pairs_path.with_name("key.jsonl")
    document = verdict_of_files(
        pairs_path, votes_path, key_path if key or key_path.exists() else None, looks=looks or 1
    )
    out_path = Path(out) if out else votes_path.with_name("verdict.json")
    write_document(out_path, document)
    click.echo(summary(document))
    click.echo(out_path)


@command("score", SECTION, "score AUTHOR=author TEXTS=one,two", needs_words=True)
@option("author", required=True, help="A folder of the author's texts.")
@option("texts", required=True, help="Folders of the texts in question, with commas between them.")
@option("imposters", help="A folder of Author_Title.txt of other authors, instead of the shipped ones.")
@option("out", help="A JSON file for the figures.")
def score(author: str, texts: str, imposters: str | None, out: str | None) -> None:
    """How close are texts to an author? No model and no recipe needed.

    0 is the mean of other authors, 100 the author's own work that the profile has not seen.
    """
    if would(f"compare {texts} with {author}"):
        return
    from voicewright.core.documents.base import write_document
    from voicewright.core.errors import notice
    from voicewright.stylometry import scoring
    from voicewright.stylometry.corpus import read_works
    from voicewright.stylometry.imposters import fit_space

    space = fit_space(read_works(Path(imposters))) if imposters else None
    report = scoring.score_folders(Path(author), [Path(folder) for folder in texts.split(",")], space)
    if len(read_works(Path(author))) == 1:
        notice(f"100 rests on {report.own_level}")
    for name, score in report.texts.items():
        print(scoring.sentence(name, score))
    if out:
        write_document(Path(out), report)


@command("validate", SECTION, "validate CORPUS=novels SPLITS=20", needs_words=True)
@option("corpus", required=True, help="A folder of Author_Title.txt.")
@option("splits", type=Number(1), default=20, help="How often works are held out.")
@option("authors", help="Only these are tested, with commas between them.")
@option("seed", type=Number(0), default=20, help="Of the splits.")
@option("out", help="A JSON file for the figures.")
def validate(corpus: str, splits: int, authors: str | None, seed: int, out: str | None) -> None:
    """Do the measures tell real authors apart?

    A whole work is held out; the authors tested are never among those on whom anything is fitted.
    """
    if would(f"validate the measures on {corpus}"):
        return
    from voicewright.core.documents.base import write_document
    from voicewright.core.errors import notice
    from voicewright.stylometry import validation

    names = [name for name in (authors or "").split(",") if name]
    report = validation.validate_corpus(Path(corpus), splits=splits, authors=names, seed=seed, progress=notice)
    print(validation.table(report))
    if out:
        write_document(Path(out), report)


@command("imposters", SECTION, "imposters CORPUS=novels OUT=imposters.npz", needs_words=True)
@option("corpus", required=True, help="A folder of Author_Title.txt.")
@option("out", required=True, help="The file to write, about 1 MB; it holds figures and no text.")
def imposters(corpus: str, out: str) -> None:
    """Figures of other authors, for eval.imposters of a recipe."""
    if would(f"write {out}"):
        return
    from voicewright.stylometry.imposters import write_space

    space, size = write_space(Path(corpus), Path(out)), Path(out).stat().st_size
    print(f"{out}: {len(space.names)} authors, {space.axes.shape[1]} features, {size / 1000:.0f} kB")


@command("simulate", SECTION, "simulate RUNS=2000 OUT=simulation.json")
@option("runs", type=Number(1), default=2000, help="Simulated evaluations per row of the table.")
@option("seed", type=Number(0), default=1, help="Of the simulation.")
@option("out", help="A JSON file for the figures.")
def simulate(runs: int, seed: int, out: str | None) -> None:
    """How often the intervals cover, and how often a model at exactly the target is deployed."""
    if would(f"simulate {runs} evaluations per row"):
        return
    from dataclasses import asdict

    from rich.console import Console

    from voicewright.core.records import write_json
    from voicewright.decision.coverage_simulation import simulate_all, table_of

    rows = simulate_all(runs, seed)
    Console().print(table_of(rows, runs))
    if out:
        write_json(Path(out), {"runs": runs, "seed": seed, "cells": [asdict(row) for row in rows]})


COMMANDS = (baseline, generate, voice, pair, judge, blind, ballots, verdict, score, validate, imposters, simulate)
