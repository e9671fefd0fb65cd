"""The whole blind path in one process, on made-up generations, without a server."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.judging.faulty_judges import bench_of_judges
from voicewright.cli.main import cli
from voicewright.core.documents.base import read_document, write_document
from voicewright.core.documents.judging import Ballot, BallotVote, Packet
from voicewright.core.paths import Run
from voicewright.core.records import Row, read_json, read_rows, write_json, write_rows
from voicewright.judging import ballots
from voicewright.pipeline import worker
from voicewright.pipeline.stages import StageOptions
from voicewright.recipe import recipes

WORDS = ["stone", "river", "you", "walk", "the", "of", "and", "light", "door", "hand", "voice", "salt", "never"]


def prose(seed: str, sentences: int = 14) -> str:
    draw = random.Random(seed)
    return " ".join(" ".join(draw.choices(WORDS, k=draw.randint(6, 14))).capitalize() + "." for _ in range(sentences))


def call(command: str, *words: str) -> int:
    """Call a command, or a stage where there are no words; its exit code."""
    with pytest.raises(SystemExit) as ended:
        if words:
            cli.main([command, "run=demo", *words])
        worker.WORK[command](Run("demo"), StageOptions())
        raise SystemExit(0)
    return int(ended.value.code or 0)


def generations(arm: str, texts: list[str]) -> list[Row]:
    return [
        {
            "id": f"{arm}{n}",
            "arm": arm,
            "prompt_id": f"p{n}",
            "domain": "narrative",
            "sample": 0,
            "prompt": "Go on.",
            "text": text,
            "error": None,
            "reference": None,
            "reference_source": None,
        }
        for n, text in enumerate(texts)
    ]


@pytest.fixture
def run(home: Path) -> Run:
    run = Run("demo")
    recipes.load("demo")
    write_json(run.stats_path, {"format": {"shape": "completion"}})
    for split in ("train", "heldout"):
        rows = [
            {
                "id": f"{split}{n}",
                "source": f"{split}{n}",
                "tokens": 400,
                "section": str(n),
                "text": prose(f"{split}{n}", 30),
            }
            for n in range(8)
        ]
        write_rows(run.rows_path("completion", split), rows)
    return run


@pytest.mark.slow
def test_a_placebo_is_a_tie_and_never_deploys(run: Run) -> None:
    texts = [prose(f"g{n}") for n in range(16)]
    write_rows(run.generations_path("baseline"), generations("baseline", texts))
    # The baseline's generations, copied over the fine-tuned arm's.
    run.generations_path("finetuned").write_bytes(run.generations_path("baseline").read_bytes())
    for stage in ("pair", "judge", "verdict", "decide"):
        assert call(stage) == 0
    rate = read_json(run.verdict_path)["comparisons"][0]["questions"]["voice"]["by_rater"]["stylometric"]
    assert rate["low"] < 0.5 < rate["high"]
    assert read_json(run.decision_path)["decision"] != "deploy"


def test_no_pair_is_made_of_continued_training_text(run: Run) -> None:
    for arm in ("baseline", "finetuned"):
        write_rows(run.generations_path(arm), generations(arm, [prose(f"{arm}{n}") for n in range(4)]))
        continued = [{**row, "prompt_id": "training-1", "domain": "training"} for row in generations(arm, [prose(arm)])]
        write_rows(run.prefixes_path(arm), continued)
    assert call("pair") == 0
    assert {row["prompt_id"] for row in read_rows(run.pairs_path)} == {f"p{n}" for n in range(4)}


def test_ballots_are_merged_and_bad_ones_named_without_touching_the_good(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arm in ("baseline", "finetuned"):
        write_rows(run.generations_path(arm), generations(arm, [prose(f"{arm}{n}") for n in range(8)]))
    assert call("pair") == 0
    worker.packet(run, StageOptions(), 6)
    content = read_document(next(run.packets_dir.iterdir()), Packet)
    assert len(content.pairs) == 6
    key = {row["id"]: row for row in read_rows(run.key_path)}

    def write(name: str, reader: str, packet_id: str = content.id) -> str:
        votes = [
            BallotVote(pair=p.id, question=q.name, order="yx", ms=5, vote="x" if key[p.id]["x"] == "finetuned" else "y")
            for p in content.pairs
            for q in content.questions
        ]
        total = ballots.checksum(packet_id, reader, votes, {})
        ballot = Ballot(packet=packet_id, reader=reader, votes=votes, comments={}, checksum=total)
        write_document(tmp_path / name, ballot)
        return str(tmp_path / name)

    good, other = write("good.json", "aa"), write("other.json", "bb", "f" * 24)
    edited = write("edited.json", "cc")
    Path(edited).write_text(Path(edited).read_text().replace('"ms": 5', '"ms": 6', 1))
    capsys.readouterr()
    assert call("ballots", f"files={good},{other},{edited},{tmp_path}/none.json") == 2
    output = capsys.readouterr()
    assert "good.json: 12 votes of reader aa counted" in output.out
    assert "which does not belong to this run" in output.err and "was changed after it was saved" in output.err
    assert "none.json: no such file" in output.err
    assert call("ballots", f"files={good}") == 2
    assert "counted already" in capsys.readouterr().err
    assert len(list(read_rows(run.votes_path))) == 12
    assert call("verdict") == 0
    rate = read_json(run.verdict_path)["win_rate"]["voice"]
    assert rate["value"] == 1 and rate["independent"] and rate["n_prompts"] == 6


def test_a_wrong_key_is_one_message_and_the_stage_is_not_done(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arm in ("baseline", "finetuned"):
        write_rows(run.generations_path(arm), generations(arm, [prose(f"{arm}{n}") for n in range(8)]))
    monkeypatch.setenv("SOME_KEY", "sk-secret")
    with bench_of_judges() as bench:
        far = f"judges.far={{kind:endpoint,model:'401',url:'{bench.url}',api_key_env:SOME_KEY,concurrency:1}}"
        recipes.freeze(recipes.compose("demo", [far], run="demo"))
        assert call("pair") == 0
        capsys.readouterr()
        assert call("judge", "judges=far") == 2
        assert bench.asked["401"] == 1
    output = capsys.readouterr().err
    assert "far: the server refuses the key (401); it was read from SOME_KEY" in output and "sk-secret" not in output
    assert call("judge", "judges=far") == 2
    assert "far: no connection to" in capsys.readouterr().err
    assert not run.qualification_path.exists()
