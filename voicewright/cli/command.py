"""What a command is: click with `key=value` words, one form of error, and help in sections.

A command is defined once and has three spellings, whose words mean the same:

    make voice RUN=mini SET="eval.samples=2"
    voicewright voice run=mini eval.samples=2
    python -m benchmarks.voice run=mini eval.samples=2

A word `key=value` sets the option `key` if the command has it; otherwise it overrides a value of the recipe, if the
command takes a recipe. make passes the variables of its command line through the environment and names them in
VOICEWRIGHT_MAKE, so that no value is part of a shell line.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import click

from voicewright.core.errors import UserError, did_you_mean
from voicewright.core.paths import IS_CHECKOUT

SECTIONS = ("Prepare", "Train", "Serve", "Evaluate", "Decide & publish", "Runs", "This machine")
MAKE_VARIABLE = "VOICEWRIGHT_MAKE"
# Variables that make itself or a program reads: passed through, and no mistake on make's command line.
ENVIRONMENT_VARIABLES = re.compile(
    r"(VOICEWRIGHT|HF|CUDA|NVIDIA|WANDB|MLFLOW|UV|PIP|OMP|VLLM|PYTORCH|NCCL)_\w+|PYTHON|ACCEL|SHELL|MAKEFLAGS|[A-Z]*_?PROXY"
)
WORD = re.compile(r"(?P<key>[+~]*[A-Za-z_][\w.@-]*)=(?P<value>.*)", re.DOTALL)
OVERRIDES = "voicewright.overrides"
DRY_RUN = "voicewright.dry_run"
YES, NO = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")
F = TypeVar("F", bound=Callable[..., Any])


class Number(click.ParamType[int]):
    """A whole number of at least `least` and at most `most`."""

    name = "number"

    def __init__(self, least: int, most: int | None = None) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if not str(value).isdecimal() or not self.least <= int(value) <= (self.most or int(value)):
            bounds = f"from {self.least} to {self.most}" if self.most else f"of at least {self.least}"
            self.fail(f"expected a number {bounds}, found {value!r}", param, ctx)
        return int(value)


PORT = Number(1, 65535)


class Command(click.Command):
    """A command whose `key=value` words become its options, or overrides of the recipe."""

    def __init__(
        self,
        *args: Any,
        section: str,
        examples: Sequence[str] = (),
        takes_overrides: bool = False,
        needs_words: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.section, self.examples = section, tuple(examples)
        self.takes_overrides, self.needs_words = takes_overrides, needs_words
        self.params.append(
            click.Option(
                ["--dry-run"], is_flag=True, envvar="DRY_RUN", expose_value=False, callback=_note_dry_run,
                help="Say what would be done, and write nothing.",
            )
        )  # fmt: skip

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        by_make = bool(ctx.find_root().meta.get(MAKE_VARIABLE))
        options = self.options()
        in_environment = [key for key in options if key != "dry_run" and options[key].resolve_envvar_value(ctx)]
        if self.needs_words and not args and not in_environment:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        words, overrides, problems = list[str](), list[str](), list[str]()
        follows = False
        for word in args:
            match = WORD.fullmatch(word)
            if follows or word.startswith("--") or not match:
                # The value of `--option value` stays as it is, whatever it looks like.
                named = options.get(word.removeprefix("--").replace("-", "_")) if word.startswith("--") else None
                follows = not follows and named is not None and not named.is_flag
                words.append(word)
                continue
            key, value = match["key"], match["value"]
            # make's variables are in capitals: `set=` is a variable of nothing.
            option = None if by_make and not key.isupper() else options.get(key.lower().replace("-", "_"))
            if option is not None:
                words += _as_option(option, value)
            elif by_make or not self.takes_overrides:
                problems.append(self._unknown(key, by_make))
            else:
                overrides.append(word)
        if problems:
            raise UserError(problems, hint=_help_of(ctx))
        ctx.meta[OVERRIDES] = overrides
        return super().parse_args(ctx, words)

    def options(self) -> dict[str, click.Option]:
        """The options by the key of their word."""
        return {str(param.name): param for param in self.params if isinstance(param, click.Option)}

    def _unknown(self, key: str, by_make: bool) -> str:
        names = sorted(name.upper() if by_make else name for name in self.options())
        if by_make and self.takes_overrides and ("." in key or (not key.isupper() and key.upper() not in names)):
            return f'{key}: a value of the recipe is given in SET: SET="{key}=..."'
        meant = did_you_mean(key.upper() if by_make else key, names)
        return (
            f"{key}=: {self.name} has no such {'variable' if by_make else 'option'}{meant}. It has {', '.join(names)}"
        )

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        pieces = [piece for param in self.get_params(ctx) for piece in param.get_usage_pieces(ctx)]
        return [*pieces, "[key=value ...]"]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        by_make = bool(ctx.find_root().meta.get(MAKE_VARIABLE))
        rows = []
        for param in self.get_params(ctx):
            if not isinstance(param, click.Option) or param.hidden or "--help" in param.opts:
                continue
            name = str(param.name).upper() if by_make else param.name
            value = "1" if param.is_flag else param.make_metavar(ctx).upper()
            has_default = isinstance(param.default, str | int | float) and not param.is_flag
            rows.append((f"{name}={value}", f"{param.help or ''}{f'  [{param.default}]' if has_default else ''}"))
        with formatter.section("Variables" if by_make else "Options"):
            formatter.write_dl(rows if by_make else [*rows, ("--help", "Show this page.")])
        if self.takes_overrides and not by_make:
            with formatter.section("Any other key=value"):
                formatter.write_text("changes a value of the recipe for this run: model=tiny axolotl.lora_r=32")
        if self.examples:
            with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
                for example in self.examples:
                    formatter.write(f"  {ctx.find_root().info_name} {example}\n")


class Group(click.Group):
    """All commands: help in sections, did-you-mean for a misspelt one, and this project's exit codes."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run a command and exit: 2 for a mistake of the user's, 130 when interrupted; a bug keeps its traceback."""
        extra["standalone_mode"] = False
        try:
            code = super().main(args, prog_name or "voicewright", **extra)
        except UserError as error:
            sys.exit(_fail(str(error)))
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(2)
        except click.UsageError as error:
            sys.exit(_fail(_sentence(error)))
        except click.ClickException as error:
            sys.exit(_fail(error.format_message()))
        except (KeyboardInterrupt, click.Abort):
            print("interrupted; the same command goes on from here", file=sys.stderr)
            sys.exit(130)
        except BrokenPipeError:  # `voicewright runs | head`
            sys.stderr.close()
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> click.Context:
        variables = os.environ.pop(MAKE_VARIABLE, None)
        if variables is None:
            return super().make_context(info_name, args, *more, **extra)
        names = [name for name in variables.split() if not ENVIRONMENT_VARIABLES.fullmatch(name.upper())]
        words = [f"{name}={os.environ.pop(name, '')}" for name in names]
        # A make that a child of this command starts is not a part of this one.
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            os.environ.pop(name, None)
        ctx = super().make_context("make", [*args, *words], *more, **extra)
        ctx.meta[MAKE_VARIABLE] = True
        return ctx

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            thing = "make target" if ctx.meta.get(MAKE_VARIABLE) else "command"
            raise UserError(
                f"no such {thing}: {args[0]}{did_you_mean(args[0], self.commands)}",
                hint=f"{ctx.info_name} help lists them",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.commands))
        for section in SECTIONS:
            members = [each for each in self.commands.values() if isinstance(each, Command) and each.section == section]
            with formatter.section(section):
                for command in members:
                    # Not click's own table: it folds the example into the sentence.
                    summary = command.get_short_help_str(limit=200)
                    formatter.write(f"  {command.name or '':<{width}}  {summary}\n")
                    for example in command.examples[:1]:
                        formatter.write(f"  {'':<{width}}    {ctx.find_root().info_name} {example}\n")


def command(
    name: str,
    section: str,
    *examples: str,
    takes_overrides: bool = False,
    needs_words: bool = False,
) -> Callable[[Callable[..., Any]], Command]:
    """Define a command; `examples` follow `make` or `voicewright`.

    With `takes_overrides`, words that are no option override the recipe. With `needs_words`, a call without any prints
    the help.
    """
    return click.command(
        name, cls=Command, section=section, examples=examples, takes_overrides=takes_overrides, needs_words=needs_words
    )


def option(name: str, **settings: Any) -> Callable[[F], F]:
    """An option of a command, given as `name=value`, or `--name value`."""
    return click.option(f"--{name.replace('_', '-')}", name, **settings)


def overrides() -> list[str]:
    """The words of this call that change the recipe."""
    return list(click.get_current_context().meta.get(OVERRIDES, []))


def is_dry_run() -> bool:
    """Whether nothing may be written or started."""
    return bool(click.get_current_context().meta.get(DRY_RUN))


def would(what: str) -> bool:
    """In a dry run, say what would be done; whether it is one."""
    if is_dry_run():
        click.echo(f"would {what}")
    return is_dry_run()


def _note_dry_run(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    ctx.meta[DRY_RUN] = value


def _as_option(option: click.Option, value: str) -> list[str]:
    """A word for click's parser; nothing for a value that is empty."""
    if not option.is_flag:
        return [f"{option.opts[0]}={value}"] if value else []
    if value.lower() not in (*YES, *NO):
        raise UserError(f"{option.name}={value}: expected 1 or 0")
    return [option.opts[0]] if value.lower() in YES else []


def _sentence(error: click.UsageError) -> str:
    """click's complaint, in this project's form: what, and the command that shows what was expected."""
    message = error.format_message().rstrip(".")
    if isinstance(error, click.BadParameter) and error.param is not None:
        message = f"{error.param.name}: {error.message.rstrip('.')}"
    return f"{message[0].lower()}{message[1:]}\nHint: {_help_of(error.ctx)}"


def _help_of(ctx: click.Context | None) -> str:
    """The command that shows what was expected."""
    if ctx is None:
        return "voicewright --help"
    return "make help" if ctx.meta.get(MAKE_VARIABLE) else f"{ctx.command_path} --help"


def spelled_here(text: str) -> str:
    """A text with its commands as they can be typed here: an installed package has no Makefile."""
    return (
        text if IS_CHECKOUT else re.sub(r"(?<![\w-])make ([a-z]+)(?= [A-Z]+=|`|$)", r"voicewright \1", text, flags=re.M)
    )


def _fail(message: str) -> int:
    print(f"error: {spelled_here(message)}", file=sys.stderr)
    return 2
