from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from tests.browser import Browser, driver, needs_chromium
from tests.reporting import reports
from voicewright.core import training_events
from voicewright.core.documents.base import parse
from voicewright.core.documents.decision import Decision
from voicewright.core.documents.generation import ModeTags, PreferenceMargins
from voicewright.core.documents.intervals import Figure, Interval, Rate
from voicewright.core.records import write_rows
from voicewright.reporting.answers import mode_tags_section, preferences_section
from voicewright.reporting.blocks import Plot, Sample, Section, Table, format_interval, markdown
from voicewright.reporting.evidence import targets_section
from voicewright.reporting.html import TEMPLATES_DIR
from voicewright.reporting.memorization_and_forgetting import memorization_section
from voicewright.reporting.plots import curve_plot, interval_strip
from voicewright.reporting.report import CURVES, VOICE_SECTIONS, page
from voicewright.reporting.similarity import similarity_section
from voicewright.reporting.training import training_section

NASTY = '<script>document.title="taken"</script><img src=x onerror="document.title=1"> & "quoted"'
DECISION = parse(Decision, {
    "decision": "not enough evidence",
    "sentence": "Not enough evidence yet: the jury is out.",
    "targets": {
        "transfer": {"title": "Voice transfer", "target": 60.0, "value": 70.0, "low": 55.0, "high": 85.0,
                     "outcome": "inconclusive", "why": None, "needs": "more text", "below": False},
        "copying": {"title": "Copying", "target": None, "value": None, "low": None, "high": None,
                    "outcome": "not available", "why": NASTY, "needs": None, "below": False},
    },
    "advice": [],
    "looks": {"planned": 1, "taken": 3},
}, "decision.json")  # fmt: skip
LOSSES = {"loss": [(n, 3 - n / 10) for n in range(8)], "learning_rate": [(n, n / 1000) for n in range(8)]}


def content() -> list[Section]:
    trained = training_section(LOSSES, "From adapter/events.jsonl")
    assert trained is not None
    sample = Sample(NASTY, "narrative", {"base model": NASTY, "fine-tuned model": "You wait."})
    return [targets_section(DECISION, "From decision.json 0123"), Section("Side by side", [], [sample]), trained]


def measured(text: str = "the smell of it") -> list[Section]:
    """Sections on a voice report in which a text stands everywhere where a model or an author speaks."""
    sections = [section(reports.voice_report(text), "From voice.json 0123") for section in VOICE_SECTIONS]
    return [section for section in sections if section is not None]


def interval(value: float | None, low: float | None, high: float | None) -> Interval:
    return Interval(value=value, low=low, high=high)


def words_of(html: str) -> str:
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", html.partition("<body>")[2])).strip()


class Parts(HTMLParser):
    """Which elements and addresses a page has."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.unnamed: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.addresses += [str(values[name]) for name in ("src", "href", "action") if name in values]
        if tag == "svg" and not (values.get("aria-label") or values.get("aria-hidden")):
            self.unnamed.append(tag)


def test_the_page_needs_no_network_and_runs_nothing_whatever_the_texts_say() -> None:
    parts = Parts(page("demo", DECISION, content(), "today"))
    assert parts.addresses == []
    assert not {"script", "img", "link", "iframe"} & set(parts.tags)


def test_every_plot_says_in_words_what_it_shows() -> None:
    html = page("demo", DECISION, content(), "today")
    parts = Parts(html)
    assert "svg" in parts.tags and parts.unnamed == []
    assert "Voice transfer: 70 (55\u00a0to\u00a085), target 60" in html


def test_the_decision_stands_first_and_unplanned_looks_are_an_alarm() -> None:
    html = page("demo", DECISION, content(), "today")
    assert words_of(html).split()[:3] == ["Not", "enough", "evidence"]
    assert "computed 3 times on new votes, and 1 were planned" in html


def test_the_same_words_stand_in_markdown_without_markup_from_texts() -> None:
    text = markdown(DECISION.sentence, content())
    assert text.startswith("# Not enough evidence yet")
    assert "| Voice transfer | over 60 | 70 (55 to 85) | inconclusive; To decide: more text |" in text
    assert "<script>" not in text and "&lt;script>" in text
    assert "Loss on the training text from 3.00 to 2.30, lowest 2.30 at step 7." in text


def test_a_table_of_plots_alone_still_has_its_words() -> None:
    strip = interval_strip(Interval(value=0.5, low=0.2, high=0.9), scale=(0, 1), alt="half")
    table = Table("Why.", ["a", ""], [["one\nsmall", strip]])
    assert markdown("t", [Section("s", [], [table])]).endswith("Why.\n\n| a |\n| --- |\n| one; small |\n")
    assert isinstance(content()[2].blocks[0], Plot)


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((None, None, None), "not available"),
        ((70.4, None, None), "70"),
        ((6.0, 6.0, 6.0), "6"),
        ((70.4, 60.5, 80.1), "70 (60\u00a0to\u00a080)"),
        ((-0.4, -12.3, 3.0), "0 (\u221212\u00a0to\u00a03)"),
    ],
)
def test_a_figure_is_never_a_bare_none(ends: tuple[float | None, float | None, float | None], text: str) -> None:
    assert format_interval(interval(*ends)) == text


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((0.0588, 0.0, 0.194), "0.06 (0\u00a0to\u00a00.19)"),
        ((1.874, 1.82, 1.93), "1.87 (1.82\u00a0to\u00a01.93)"),
        ((9.16, 8.1, 10.22), "9.2 (8.1\u00a0to\u00a010.2)"),
        ((101.2, 96.5, 105.2), "101 (96\u00a0to\u00a0105)"),
    ],
)
def test_a_figure_and_its_interval_have_as_many_digits_as_are_significant(
    ends: tuple[float, float, float], text: str
) -> None:
    assert format_interval(interval(*ends), digits=None) == text


def test_every_table_and_every_plot_stands_under_a_caption() -> None:
    blocks = [block for section in [*content(), *measured()] for block in section.blocks]
    captioned = [block for block in blocks if not isinstance(block, Sample)]
    assert len(captioned) > 12
    assert all(block.caption.endswith(".") and len(block.caption.split()) > 8 for block in captioned)
    html = page("demo", DECISION, [*content(), *measured()], "today")
    parts = re.findall(r"<p(?: class=\"\w+\")?>|<table|<svg class=\"curve|<div class=\"legend", html)
    assert all(before == "<p>" for before, now in pairwise(parts) if now.startswith(("<table", "<div")))


def test_the_page_has_the_voice_by_feature_group_and_kind_without_copies_and_the_distinctive_wording() -> None:
    words = words_of(page("demo", DECISION, measured(), "today"))
    for expected in (
        "Syntax How sentences are built. 71 (66\u00a0to\u00a076)",
        "openings of held-out text 63 (58\u00a0to\u00a068)",
        "fine-tuned model 80 (75\u00a0to\u00a085) 44 (39\u00a0to\u00a049)",
        "base model 0 (−5\u00a0to\u00a05) unchanged: no span",
        "2 of these: the smell of it2\u00a02, the smell of it1\u00a01",
        "rich tapestry 1.5 (2) 1.5 (2) 1.5 (2) 1.5 (2)",
        "20.0 (15.0\u00a0to\u00a025.0) 2.5 times the author, overdone",
        "other authors are at −10 on average, and the nearest of them, Ford, is at −1",
        "Nothing was held out of one book.",
        "No figure for the prompted base model in bits per character: no held-out passage was scored.",
        "12 words 3.0% of the words; 50.0% of 8 answers flagged; 4 spans over 10 words, 0 over 20",
        "Text Voice transfer fine-tuned model 89%",
        "everyday_facts 1,200 questions 71.0 69.0 −2.00 (−3.50\u00a0to\u00a0−0.50) not worse",
    ):
        assert expected in words, expected


def test_an_improvement_over_the_base_stands_with_every_measure_that_has_one() -> None:
    report = reports.voice_report()
    worse = Figure(value=-20, low=-25, high=-15)
    report.measures["topic"].reference.gain_over_base = {"finetuned": worse}
    words = words_of(page("demo", DECISION, [similarity_section(report, "")], "today"))
    for title, gain in (
        ("Voice transfer", "+80 (75\u00a0to\u00a085) better"),
        ("Vocabulary", "+20 (15\u00a0to\u00a025) better"),
        ("Topic", "−20 (−25\u00a0to\u00a0−15) worse"),
        ("Dashes", "+20.0 (15.0\u00a0to\u00a025.0) better"),
    ):
        assert re.search(rf"{title}.*?{re.escape(gain)}", words), title


def test_copied_spans_stand_beside_the_authors_own_text_and_training_prefixes_apart() -> None:
    [copied, _, spans] = memorization_section(reports.voice_report(NASTY), "From voice.json").blocks
    assert isinstance(copied, Table) and copied.rows[-1][0].endswith("when asked to continue it")
    assert isinstance(spans, Table)
    assert spans.rows == [[NASTY, "fine-tuned model", "12", f"... {NASTY} ...\na.md:0-9"]]
    parts = Parts(page("demo", DECISION, measured(NASTY), "today"))
    assert not {"script", "img"} & set(parts.tags)
    assert "<script>" not in markdown("t", measured(NASTY))


def test_the_curves_come_from_the_training_events(tmp_path: Path) -> None:
    logged = [{"event": "log", "step": n, "loss": 4 - n / 20, "learning_rate": 1e-3} for n in range(1, 11)]
    logged += [{"event": "log", "step": n, "eval_loss": 4.5 - n / 10} for n in (0, 5, 10)]
    write_rows(tmp_path / "events.jsonl", [{"event": "begin", "step": 0}, *logged, {"event": "end", "step": 10}])
    events = training_events.read(tmp_path)
    section = training_section({metric: training_events.curve(events, metric) for metric in CURVES}, "")
    assert section is not None and len(section.blocks) == 2
    [losses, rates] = section.blocks
    assert isinstance(losses, Plot) and isinstance(rates, Plot) and rates.folded
    assert "on the validation text from 4.50 to 3.50, lowest 3.50 at step 10" in losses.description
    assert losses.svg.count("<polyline") == 2 and ">training step<" in losses.svg
    assert training_section({metric: [] for metric in CURVES}, "") is None


@pytest.mark.parametrize("line", [[(0, 2.0), (5, 2.0)], [(1, 0.0), (2, 0.0)], [(0, -1.0), (9000, 1e5)]])
def test_a_curve_can_be_drawn_of_any_losses(line: list[tuple[float, float]]) -> None:
    plot = curve_plot({"loss": line}, "A loss.")
    places = [float(number) for point in re.findall(r'points="([^"]+)"', plot) for number in re.split("[ ,]", point)]
    assert all(0 <= place <= 208 for place in places) and plot.count("<text") >= 4


@pytest.mark.parametrize("theme", [0, 1])
def test_text_can_be_read_on_paper_by_day_and_by_night(theme: int) -> None:
    roots = re.findall(r":root \{([^}]+)\}", (TEMPLATES_DIR / "page.css").read_text(encoding="utf-8"))
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", roots[theme]))

    def light(colour: str) -> float:
        # WCAG 2.2, relative luminance.
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    paper = light(colours["paper"])
    for name in ("ink", "soft", "accent", "warm"):
        bright, dark = sorted((light(colours[name]), paper), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, name


@needs_chromium
@pytest.mark.slow
def test_the_page_reads_on_a_phone(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page("demo", DECISION, [*content(), *measured()], "today"))
    with driver() as url:
        browser = Browser(url, tmp_path / "profile")
        browser.size(360, 740, phone=True)
        browser.open(path.as_uri())
        browser.run("document.querySelectorAll('details').forEach(part => { part.open = true })")
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        inside = "[...document.querySelectorAll('.scroll')].filter(part => part.scrollWidth > part.clientWidth + 1)"
        assert browser.run(f"return {inside}.map(part => part.textContent.slice(0, 80))") == []
        assert browser.run("return document.title") == "demo: not enough evidence"
        assert browser.run("return performance.getEntriesByType('resource').length") == 0
        browser.close()


def test_modes_and_pairs_have_a_table_where_the_run_has_such_rows() -> None:
    nothing = Rate(value=None, low=None, high=None, n_prompts=0)
    most = Rate(value=0.9, low=0.8, high=0.95, n_prompts=18)
    held = {"dual": most, "emulation": nothing, "agent": nothing, "all": most}
    tags = mode_tags_section({
        "baseline": ModeTags(arm="baseline", held={**held, "dual": nothing}),
        "finetuned": ModeTags(arm="finetuned", held=held),
    })  # fmt: skip
    pairs = preferences_section({
        "baseline": PreferenceMargins(arm="baseline", pairs=18, accuracy=most, margin_nats=0.1),
        "finetuned": PreferenceMargins(arm="finetuned", pairs=18, accuracy=most, margin_nats=0.7,
                                       reward_accuracy=most, reward_margin_nats=0.6),
    })  # fmt: skip
    assert tags and pairs and mode_tags_section({}) is None and preferences_section({}) is None
    text = markdown("A run", [tags, pairs])
    assert "| dual: thought and world | not available | 90% (80 to 95) |" in text
    assert "emulation" not in text
    assert "18 pairs" in text and "| mean margin in nats | - | 0.60 |" in text
