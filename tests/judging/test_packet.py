from __future__ import annotations

import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Browser, driver, needs_chromium
from voicewright.core.documents.judging import Ballot, BallotVote, Choice, Packet, Pair
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.judging.ballots import checksum, new_votes, read_ballot
from voicewright.judging.packet import build_packet, packet_server, render_packet

NASTY = '<img src=x onerror="document.title=1"> </script><script>document.title="taken"</script> &amp; *so* _it_ goes'


def pairs_of(n: int) -> list[Pair]:
    draw = random.Random(3)
    words = ["stone", "river", "walk", "light", "door", "hand", "voice", "salt", "never", "under", "the", "of", "and"]

    def prose(k: int) -> str:
        return " ".join(" ".join(draw.choices(words, k=9)).capitalize() + "." for _ in range(k))

    return [
        Pair(
            id=f"{draw.getrandbits(64):016x}",
            prompt_id=f"q{i}",
            domain="narrative",
            prompt=prose(2),
            x=prose(9) + "\n\n" + prose(4) + (NASTY if i == 0 else ""),
            y=prose(12),
            references=[prose(10), prose(10)],
            key_sha256="0" * 64,
        )
        for i in range(n)
    ]


def ballot_text(packet: Packet, reader: str = "abc123", choice: Choice = "x", n: int | None = None) -> str:
    votes = [
        BallotVote(pair=pair.id, question=question.name, order="xy", vote=choice, ms=1200)
        for pair in packet.pairs[:n]
        for question in packet.questions
    ]
    total = checksum(packet.id, reader, votes, {})
    ballot = Ballot(ballot=1, packet=packet.id, reader=reader, votes=votes, comments={}, checksum=total)
    return json.dumps(ballot.to_json())


def test_the_page_holds_what_is_shown_and_nothing_of_the_run() -> None:
    packet = build_packet(pairs_of(3))
    html = render_packet(packet)
    assert "narrative" not in html and "q0" not in html and "0" * 64 not in html
    assert "http" not in html.replace("http-equiv", "")
    assert "</script><script>document.title" not in html


def test_without_passages_of_the_author_only_quality_is_asked() -> None:
    packet = build_packet([pair.model_copy(update={"references": []}) for pair in pairs_of(2)])
    assert [question.name for question in packet.questions] == ["quality"]


def test_a_ballot_becomes_votes_once() -> None:
    packet = build_packet(pairs_of(3))
    ballot = read_ballot("> " + ballot_text(packet) + "\n-- \nsent from my phone", "mail.txt")
    votes = new_votes(ballot, {packet.id: packet}, [], "mail.txt")
    assert len(votes) == 6 and {vote.judge for vote in votes} == {"reader-abc123"} and votes[0].kind == "reader"
    with pytest.raises(UserError, match="counted already"):
        new_votes(ballot, {packet.id: packet}, votes, "mail.txt")


def test_a_fuller_ballot_adds_what_is_new_and_one_that_says_otherwise_is_refused() -> None:
    packet = build_packet(pairs_of(3))
    half = new_votes(read_ballot(ballot_text(packet, n=1), "a"), {packet.id: packet}, [], "a")
    whole = read_ballot(ballot_text(packet), "b")
    assert len(new_votes(whole, {packet.id: packet}, half, "b")) == 4
    with pytest.raises(UserError, match="has handed in another ballot"):
        new_votes(read_ballot(ballot_text(packet, choice="y"), "c"), {packet.id: packet}, half, "c")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace('"vote": "x"', '"vote": "y"', 1), "was changed after it was saved"),
        (lambda text: text[:50], "not a ballot"),
        (lambda text: "hello", "not a ballot"),
        (lambda text: "[1, 2]", "not a ballot"),
        (lambda text: '{"packet": 1}', "not a ballot"),
    ],
)
def test_a_spoilt_ballot_is_named_in_one_sentence(spoil: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_ballot(spoil(ballot_text(build_packet(pairs_of(2)))), "a.json")
    assert len(caught.value.problems) == 1


def test_a_ballot_of_another_packet_is_refused() -> None:
    ours, theirs = build_packet(pairs_of(2)), build_packet(pairs_of(3))
    with pytest.raises(UserError, match="which does not belong to this run"):
        new_votes(read_ballot(ballot_text(theirs), "a"), {ours.id: ours}, [], "a")


@pytest.fixture
def served(home: Path) -> Iterator[tuple[Run, Packet, str]]:
    run, packet = Run("r"), build_packet(pairs_of(2))
    server = packet_server(run, packet, 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield run, packet, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_busy_port_takes_the_next_free_one_and_says_so(
    served: tuple[Run, Packet, str], capsys: pytest.CaptureFixture[str]
) -> None:
    run, packet, url = served
    busy = int(url.rpartition(":")[2])
    with packet_server(run, packet, busy) as server:
        assert server.server_port > busy
    assert f"port {busy} is in use" in capsys.readouterr().err


def post(url: str, text: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"{url}/ballot", text.encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_served_page_takes_ballots_and_no_others(served: tuple[Run, Packet, str]) -> None:
    run, packet, url = served
    assert post(url, ballot_text(packet)) == (200, "Handed in. Thank you.")
    assert [p.name for p in run.ballots_dir.iterdir()] == ["abc123.json"]
    assert post(url, "{}")[0] == 400
    assert post(url, ballot_text(packet, reader="../../x"))[0] == 400
    assert post(url, ballot_text(build_packet(pairs_of(3))))[0] == 400
    assert post(url, ballot_text(packet), Origin="http://elsewhere.example")[0] == 404
    assert post(url, ballot_text(packet), Host="elsewhere.example")[0] == 404
    assert len(list(run.ballots_dir.iterdir())) == 1


@pytest.fixture(scope="module")
def driver_url() -> Iterator[str]:
    with driver() as url:
        yield url


@needs_chromium
@pytest.mark.slow
def test_twenty_pairs_by_keyboard_closed_and_reopened_half_way(driver_url: str, tmp_path: Path) -> None:
    packet = build_packet(pairs_of(20))
    page = tmp_path / "packet.html"
    page.write_text(render_packet(packet))
    browser = Browser(driver_url, tmp_path / "profile")
    browser.open(page.as_uri())
    browser.press("\ue004\ue007")  # Tab to Begin, Enter
    assert browser.run("return document.getElementById('where').textContent") == "Pair 1 of 20, question 1 of 2"
    assert browser.run("return document.activeElement.id") == "question"
    browser.press("xytx" * 4)
    browser.press("uu")
    browser.press("yy")
    assert browser.run("return document.getElementById('where').textContent") == "Pair 9 of 20, question 1 of 2"
    browser.close()
    browser = Browser(driver_url, tmp_path / "profile")
    browser.open(page.as_uri())
    assert browser.run("return document.getElementById('where').textContent") == "Pair 9 of 20, question 1 of 2"
    browser.run("const c = document.getElementById('comment'); c.value = 'Grüße \"x\" \\u2028'; c.oninput()")
    browser.press("xt" * 12)
    text = browser.run("return document.getElementById('paste').value")
    assert browser.run("return document.title") == "Which one is the author’s?"
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    browser.close()
    ballot = read_ballot(text, "ballot")
    votes = new_votes(ballot, {packet.id: packet}, [], "ballot")
    assert len(votes) == 40 and len({(vote.pair, vote.question) for vote in votes}) == 40
    assert sum(vote.vote == "tie" for vote in votes) == 15  # of 16, one was taken back
    assert {vote.order for vote in votes} == {"xy", "yx"}
    assert any(vote.reason for vote in votes)
    pressed = [{"x": vote.order[0], "y": vote.order[1]} for vote in votes[:2]]
    assert [vote.vote for vote in votes[:2]] == [pressed[0]["x"], pressed[1]["y"]]


@needs_chromium
@pytest.mark.slow
def test_a_ballot_is_handed_in_to_the_page_that_is_served(
    driver_url: str, served: tuple[Run, Packet, str], tmp_path: Path
) -> None:
    run, packet, url = served
    browser = Browser(driver_url, tmp_path / "profile")
    browser.open(url + "/")
    browser.press("\ue004\ue007" + "xyxt")
    browser.run("document.getElementById('send').click()")
    for _ in range(50):
        message = browser.run("return document.getElementById('sent').textContent")
        if message:
            break
        time.sleep(0.1)
    browser.close()
    assert message == "Handed in. Thank you."
    ballot_path = next(run.ballots_dir.iterdir())
    assert len(new_votes(read_ballot(ballot_path.read_text(), "kept"), {packet.id: packet}, [], "kept")) == 4


@needs_chromium
@pytest.mark.slow
def test_markup_in_a_text_is_shown_as_text(driver_url: str, tmp_path: Path) -> None:
    packet = build_packet(pairs_of(1))
    page = tmp_path / "packet.html"
    page.write_text(render_packet(packet))
    browser = Browser(driver_url, tmp_path / "profile")
    browser.open(page.as_uri())
    browser.press("\ue004\ue007")
    text = browser.run("return document.querySelector('.sides').innerText")
    assert '<img src=x onerror="document.title=1"> </script><script>' in text and "&amp;" in text
    assert browser.run("return document.querySelectorAll('.sides img, .sides script').length") == 0
    assert browser.run("return [...document.querySelectorAll('.sides em')].map((e) => e.textContent)") == ["so", "it"]
    browser.close()


@needs_chromium
@pytest.mark.slow
def test_every_control_has_a_name_and_stands_out_in_light_and_dark(driver_url: str, tmp_path: Path) -> None:
    packet = build_packet(pairs_of(2))
    page = tmp_path / "packet.html"
    page.write_text(render_packet(packet))
    browser = Browser(driver_url, tmp_path / "profile")
    browser.size(1280, 900)
    browser.open(page.as_uri())
    browser.press("\ue004\ue007")
    nodes = browser.command("Accessibility.getFullAXTree")["nodes"]
    controls = [
        node for node in nodes if node.get("role", {}).get("value") in ("button", "checkbox", "textbox", "article")
    ]
    assert len(controls) >= 7
    assert all(node["name"]["value"] for node in controls)
    for scheme in ("light", "dark"):
        browser.theme(scheme)
        ratios = browser.run(CONTRAST, PLACES)
        assert min(ratios) >= 4.5, (scheme, ratios)
    browser.size(390, 800, phone=True)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("const [x, y] = document.querySelectorAll('.sides article'); return x.offsetTop < y.offsetTop")
    browser.close()


PLACES = ["body", "#where", "#choose-x", "#choose-tie", "#undo", "#label-x", "#opening", "summary"]
CONTRAST = """
const level = (c) => { const v = c / 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
const light = (rgb) => 0.2126 * level(rgb[0]) + 0.7152 * level(rgb[1]) + 0.0722 * level(rgb[2]);
const read = (text) => text.match(/[\\d.]+/g).map(Number);
const behind = (e) => {
  const c = e ? read(getComputedStyle(e).backgroundColor) : [255, 255, 255];
  return c.length < 4 || c[3] > 0 ? c : behind(e.parentElement);
};
return arguments[0].map((selector) => {
  const e = document.querySelector(selector);
  const a = light(read(getComputedStyle(e).color)), b = light(behind(e));
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
});
"""
