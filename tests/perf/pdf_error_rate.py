"""Word error rate of the PDF reader against a book's LaTeX source, outside mathematics.

    python -m tests.perf.pdf_error_rate [PDF TEX]

Mathematics and figures of the source become a wildcard that matches any words; footnotes are left out of the source,
the index and the front matter on both sides. Words are compared without case, italics and punctuation. The alignment
is difflib's, which is not minimal, so that the rate printed is an upper bound.
"""

from __future__ import annotations

import re
import sys
import time
import unicodedata
from difflib import SequenceMatcher
from pathlib import Path

from voicewright.core.paths import REPO_DIR
from voicewright.data.readers import markdown, pdf

ANY, CHAPTER = "\0", "\1"
FOLDER = REPO_DIR.parent / "shared/data/pdfs/whitehead_introduction_to_mathematics"
_MATH = re.compile(
    r"\\\[.*?\\\]|\\begin\{(align|gather|alignat|equation|multline|array|tabular|figure|table)(\*?)\}.*?\\end\{\1\2\}"
    r"|\$\$.*?\$\$|\$[^$]*\$|\\\(.*?\\\)|\\Eq\{[^{}]*\}|\\(?:Figure|Diagram)(?:\[[^]]*\])?\{[^{}]*\}",
    re.DOTALL,
)


def words_of_tex(tex: str) -> list[str]:
    """The words of the chapters, mathematics as a wildcard."""
    tex = re.sub(r"(?<!\\)%.*\n\s*", "", tex[tex.index(r"\begin{document}") :])
    tex = tex[tex.index(r"\Chapter", tex.index(r"\ToCLine")) : tex.index(r"\printindex")]
    tex = re.sub(r"\\iffalse.*?\\fi", " ", tex, flags=re.DOTALL)
    for name, body in {"ie": "i.e.", "eg": "e.g.", "cf": "cf.", "Cf": "Cf.", "viz": "viz."}.items():
        tex = re.sub(rf"\\{name}\b(?:\{{\}})?", body, tex)
    tex = re.sub(r"\\SCAbbrev\{(.)\}\{(.)\}\{(.)\}", r"\1.\2.\3", tex)
    tex = re.sub(r"\\AD\b(?:\{.?\})?", " A.D. ", tex)
    tex = re.sub(r"\\BC\b(?:\{.?\})?", " B.C. ", tex)
    tex = re.sub(r"\\(?:textit|emph|MakeLowercase)\{(\w)\\MakeLowercase\{(\w+)\}\}", r"\1\2", tex)
    tex = re.sub(
        r"\\(?:index|PageSep|Pagelabel|label|BookMark|Pageref)(?:\[[^]]*\])?\{(?:[^{}]|\{[^{}]*\})*\}", " ", tex
    )
    tex = re.sub(r"\\(?:Chg|Typo)\{((?:[^{}]|\{[^{}]*\})*)\}\{((?:[^{}]|\{[^{}]*\})*)\}", r"\2", tex)
    tex = re.sub(r"\\footnote\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}", " ", tex)
    tex = re.sub(r"\\Fig(?:\[([^]]*)\])?\{([^{}]*)\}", lambda m: f"{m[1] or 'Fig.'} {m[2]}", tex)
    tex = re.sub(r"\\FigNum\{([^{}]*)\}", r"\1", tex)
    tex = re.sub(r"\\ChapRef(?:\[([^]]*)\])?\{([^{}]*)\}", lambda m: f"{m[1] or 'Chapter'} {m[2]}", tex)
    tex = _MATH.sub(f" {ANY} ", tex)
    tex = re.sub(r"\\Chapter(?:\[[^]]*\])?\s*\{([^{}]*)\}", rf" {CHAPTER} Chapter \1 ", tex)
    tex = re.sub(r"\\ae\b ?", "ae", tex)
    tex = re.sub(r"\\OE\b ?|\\oe\b ?", "oe", tex)
    tex = re.sub(r"\\[`'^\"~=.cv]\{?([A-Za-z])\}?", r"\1", tex)
    tex = re.sub(r"\\(?:begin|end)\{[^{}]*\}(?:\[[^]]*\])?|\\[A-Za-z]+\*?(?:\[[^]]*\])?|\\.", " ", tex)
    return words(tex.replace("~", " ").replace("{", "").replace("}", ""))


def words(text: str) -> list[str]:
    """Words without case, accents and punctuation; the wildcard is kept."""
    text = unicodedata.normalize("NFKD", text.replace("æ", "ae").replace("œ", "oe"))
    text = "".join(c for c in text if not unicodedata.combining(c)).lower()
    text = re.sub(r"[-‐–—/]+", " ", text)
    return re.findall(r"[\0\1]|[a-z0-9£]+", re.sub(r"['’.,]", "", text))


def errors(reference: list[str], found: list[str]) -> tuple[int, list[tuple[list[str], list[str]]]]:
    """Word errors outside wildcards, and the differing stretches."""
    blocks = SequenceMatcher(None, reference, found, autojunk=False).get_opcodes()
    # Neighbouring edits are one stretch, so that a wildcard at its edge can take what is mathematics.
    count, differing = 0, []
    for tag, a, b, c, d in blocks:
        if tag == "equal":
            continue
        n = distance(reference[a:b], found[c:d])
        if n:
            count += n
            differing.append((reference[a:b], found[c:d]))
    return count, differing


def distance(reference: list[str], found: list[str]) -> int:
    """Edit distance in words, in which the wildcard takes any number of words for nothing."""
    row = list(range(len(found) + 1))
    for word in reference:
        if word == ANY:
            best = row[0]
            new = []
            for value in row:
                best = min(best, value)
                new.append(best)
        else:
            new = [row[0] + 1]
            for j, other in enumerate(found):
                new.append(min(row[j] + (word != other), row[j + 1] + 1, new[j] + 1))
        row = new
    return row[-1]


def by_chapter(all_words: list[str]) -> list[list[str]]:
    """Cut where a chapter begins, so that the alignment stays small."""
    cuts = [i for i, word in enumerate(all_words) if word == CHAPTER]
    return [all_words[a + 1 : b] for a, b in zip(cuts, [*cuts[1:], len(all_words)], strict=True)]


def measure(pdf_path: Path, tex_path: Path) -> tuple[int, int, list[tuple[list[str], list[str]]]]:
    """Errors, words of the reference, differing stretches."""
    text = markdown.join(pdf.read(pdf_path).paragraphs)
    text = text[text.index("# CHAPTER I\n") : text.rindex("\n\n# INDEX\n")]
    reference = words_of_tex(tex_path.read_text(encoding="latin-1"))
    text = re.sub(r"(?m)^# (?=CHAPTER)", f"{CHAPTER} ", text)
    total, differing = 0, []
    for ours, theirs in zip(by_chapter(reference), by_chapter(words(text)), strict=True):
        count, stretches = errors(ours, theirs)
        total += count
        differing += stretches
    return total, sum(word != ANY for word in reference), differing


def main() -> None:
    pdf_path, tex_path = (Path(p) for p in sys.argv[1:3] or [f"{FOLDER}/41568-pdf.pdf", f"{FOLDER}/41568-t.tex"])
    began = time.perf_counter()
    count, total, differing = measure(pdf_path, tex_path)
    for reference, found in differing:
        print(f"  {' '.join(reference)!r} -> {' '.join(found)!r}")
    print(f"{count} errors in {total} words: {100 * count / total:.2f}%  ({time.perf_counter() - began:.1f} s)")


if __name__ == "__main__":
    main()
