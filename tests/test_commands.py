"""Every command that we print works as it is printed: in pages, recipes and configs, in help, messages and reports.

Each is run in this process as a dry run, with a run `mini` of the recipe `demo` on disk. A bare `make prepare` in a
sentence only names a command; as the hint of an error it must work as it stands.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from voicewright.cli.command import MAKE_VARIABLE, Command
from voicewright.cli.main import cli
from voicewright.core.paths import PACKAGE_DIR, REPO_DIR, Run
from voicewright.core.records import write_json
from voicewright.pipeline import deployment
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe

PAGES = (
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**/*.md", "recipes/*", "configs/**/*.yaml", "Makefile",
    "voicewright/**/*.j2", "voicewright/**/*.js", "manuscripts/*.md", "models/**/*.md",
)  # fmt: skip
SCRIPT_FOLDERS = ("prepare", "train", "serve", "benchmarks")
MAKEFILE = (REPO_DIR / "Makefile").read_text(encoding="utf-8")
MAKE_ONLY = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
# What stands for a value in a page or an f-string, by the word before it.
FILLED = {
    "RUN": "mini",
    "RECIPE": "demo",
    "PORT": "8004",
    "ARM": "baseline",
    "FORCE": "baseline",
    "RUNS": "mini",
    "SOURCE": "manuscripts/sample",
}
VALUE = r"(?:\"[^\"]*\"|'[^']*'|[^\s`\"'),;<>|]*(?:<[^>]*>)?)"
WORDS = rf"(?:[ ]+(?:[A-Za-z_][\w.]*={VALUE}))*"
NAME = r"(?:[ ]+(?!#)[\w./,]+(?![\w./,=]))?"
MADE = re.compile(rf"(?<![\w/-])make ([a-z][a-z-]*)({WORDS})")
CALLED = re.compile(rf"(?<![\w/.-])voicewright ([a-z][a-z-]*)({NAME}{WORDS})")
STARTED = re.compile(rf"(?<![\w/-])python -m ([\w.]+)({NAME}{WORDS})")


@dataclass(frozen=True)
class Printed:
    """A command and where it is printed; `strict`: a hint, which must work as it stands."""

    place: str
    text: str
    strict: bool = False


def commands_in(text: str, place: str, *, strict: bool = False) -> Iterator[Printed]:
    """The commands of a text. English `make the` is none: it has no variable, and is no command's name."""
    for match in MADE.finditer(text):
        code = text[: match.start()].endswith(("`", '"', "'", "(", "$ ", "    ", ">", "# "))
        if (
            "=" in match[2]
            or match[1] in cli.commands
            or match[1] in MAKE_ONLY
            or (code and text[match.end() :][:1] in "`\"')")
        ):
            yield Printed(place, f"make {match[1]}{match[2]}", strict)
    for pattern in (CALLED, STARTED):
        for match in pattern.finditer(text):
            if pattern is STARTED or match[1] in cli.commands or "=" in match[2]:
                yield Printed(place, match[0], strict)


def pages() -> Iterator[Printed]:
    for pattern in PAGES:
        for path in sorted(REPO_DIR.glob(pattern)):
            if path.is_file() and "generated" not in path.parts:  # from the commands' own help
                text = re.sub(r"\{\{[^}]*\}\}", "mine", path.read_text(encoding="utf-8"))
                yield from commands_in(text, str(path.relative_to(REPO_DIR)))


def strings() -> Iterator[tuple[str, str, bool]]:
    """Place and text of every string of the library, and whether it is an error's hint."""
    for path in sorted(PACKAGE_DIR.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        keywords = [keyword for node in nodes if isinstance(node, ast.Call) for keyword in node.keywords]
        hints = {id(keyword.value) for keyword in keywords if keyword.arg == "hint"}
        inner = {id(value) for node in nodes if isinstance(node, ast.JoinedStr) for value in node.values}
        for node in nodes:
            if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in inner:
                yield f"{path.relative_to(REPO_DIR)}:{node.lineno}", text_of(node), id(node) in hints


def library() -> Iterator[Printed]:
    for place, text, is_hint in strings():
        yield from commands_in(text, place, strict=is_hint)


def text_of(node: ast.JoinedStr | ast.Constant) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    text = ""
    for value in node.values:
        if isinstance(value, ast.Constant):
            text += str(value.value)
            continue
        before = re.search(r"(\w+)=$", text)
        if re.search(r'SET="[^"]*$', text) and not (before and before[1] == "RECIPE"):
            text += "1" if before else "model=tiny"
        else:
            text += FILLED.get(before[1].upper(), "1") if before else "mini" if "run" in ast.unparse(value) else "x"
    return text


def words_of(text: str) -> list[str]:
    """The words of a command, with values for what stands for one, and no sentence's full stop."""

    def filled(match: re.Match[str]) -> str:
        return f"{match[1]}={FILLED.get(match[1].upper(), 'x')}"

    return shlex.split(re.sub(r"(\w+)=<[^>]*>", filled, text.rstrip(".:")), comments=True)


@functools.cache
def every_command() -> tuple[Printed, ...]:
    helps = "\n".join(f"voicewright {e}" for c in cli.commands.values() if isinstance(c, Command) for e in c.examples)
    return (*pages(), *library(), *commands_in(helps, "help"))


def invented_recipes() -> set[str]:
    """The names that the pages give to a recipe of one's own."""
    return set(re.findall(r"RECIPE=([\w-]+)", " ".join(p.text for p in every_command() if "make new" in p.text))) | {
        "letters"
    }


def script_command(module: str) -> str | None:
    """The command that a script calls."""
    path = REPO_DIR / f"{module.replace('.', '/')}.py"
    called = (
        re.search(r'^script\("(\w+)"\)$', path.read_text(encoding="utf-8"), re.MULTILINE) if path.is_file() else None
    )
    return called[1] if called else None


def failure(printed: Printed) -> str | None:
    """What is wrong with a printed command, None where it works."""
    kind, *words = words_of(printed.text)
    if words[0] == "x" or words[1:2] == ["folder.x"]:  # stands for any command
        return None
    variables = dict(word.split("=", 1) for word in words[1:] if re.match(r"\w+=", word)) if kind == "make" else {}
    if kind == "python":
        module, *words = words[1:]
        name = script_command(module)
        if name is None:
            in_scripts = module.split(".")[0] in SCRIPT_FOLDERS
            return None if not in_scripts and has_module(module) else f"no module {module}"
        words = [name, *words]
    name, *rest = words
    if kind == "make" and name in MAKE_ONLY:
        return None
    if name not in cli.commands:
        return f"no command {name}"
    if not rest and not printed.strict:
        return None
    invented = invented_recipes()
    if name not in ("new", "demo"):
        words = [re.sub(rf"^(RECIPE=)?({'|'.join(invented)})$", r"\1demo", word) for word in words]
        variables = {k: "demo" if k == "RECIPE" and v in invented else v for k, v in variables.items()}
    if name == "new":
        variables = {k: "manuscripts/sample" if k == "SOURCE" else v for k, v in variables.items()}
        words = [re.sub(r"^(SOURCE)=.*", r"\1=manuscripts/sample", word) for word in words]
    for word in words[1:]:
        if word in recipes.names():
            begin(word, word)
    for word in [*words, *(f"{k}={v}" for k, v in variables.items())]:
        if match := re.fullmatch(r"(?i:runs?)=(.+)", word):
            for run in match[1].split(","):
                recipe = variables.get("RECIPE") or next(
                    (w[7:] for w in words if w.lower().startswith("recipe=")), "demo"
                )
                begin(run, recipe)
    # A new recipe has no run yet.
    env = {"DRY_RUN": "1"} | ({"VOICEWRIGHT_HOME": f"{os.environ['VOICEWRIGHT_HOME']}/new"} if name == "new" else {})
    variables_of_make = {MAKE_VARIABLE: " ".join(variables), **variables} if kind == "make" else {}
    result = CliRunner().invoke(cli, words[:1] if kind == "make" else words, env={**variables_of_make, **env})
    return None if result.exit_code == 0 else result.output.strip() or repr(result.exception)


def has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def begin(name: str, recipe: str) -> None:
    if not Run(name).recipe_path.exists() and recipe in recipes.names():
        recipes.freeze(recipes.compose(recipe, [], run=name))


def test_there_are_commands_to_hold() -> None:
    places = {printed.place.partition(":")[0] for printed in every_command()}
    assert places >= {"README.md", "CONTRIBUTING.md", *(f"recipes/{name}.yaml" for name in recipes.names())}
    assert len(every_command()) > 200


def test_a_hint_names_options_as_every_spelling_takes_them() -> None:
    """`port=8004` in a hint does nothing under make; PORT=8004 works in all three."""
    keys = {*Recipe.model_fields, *recipes.groups()}
    options = {name for each in cli.commands.values() if isinstance(each, Command) for name in each.options()} - keys
    lower = [
        f"{place}: {text}"
        for place, text, is_hint in strings()
        if is_hint and any(key in options for key in re.findall(r"(?<![\w.\"=-])([a-z_]+)=(?!=)", text))
    ]
    assert not lower, "\n".join(lower)


@pytest.mark.slow
def test_every_printed_command_works_as_printed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RECIPE", "RUN", "SET", "SOURCE", "FORCE", "CHECKPOINT"):
        monkeypatch.delenv(name, raising=False)
    begin("mini", "demo")
    write_json(Run("mini").merged_dir / "config.json", {})
    deployment.deploy(Run("mini"), "to have something in production")
    failures: dict[tuple[str, bool], str | None] = {}
    wrong = []
    for printed in every_command():
        key = (printed.text, printed.strict)
        if key not in failures:
            failures[key] = failure(printed)
        if failures[key]:
            wrong.append(f"{printed.place}: {printed.text}\n    {failures[key]}".replace(str(home), "HOME"))
    assert not wrong, "\n".join(wrong)
    assert os.environ.get(MAKE_VARIABLE) is None
