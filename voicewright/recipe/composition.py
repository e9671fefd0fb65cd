"""Composing a recipe's YAML with Hydra: what Hydra takes in silence or says obscurely is said plainly here."""

from __future__ import annotations

import functools
from typing import Any

import yaml

from voicewright.core import paths
from voicewright.core.errors import UserError
from voicewright.recipe import validation

Tree = dict[str, Any]


@functools.cache
def groups() -> tuple[str, ...]:
    """The config groups: the folders of configs/."""
    return tuple(sorted(path.name for path in paths.CONFIGS_DIR.iterdir() if path.is_dir()))


def compose_tree(name: str, overrides: list[str]) -> tuple[Tree, validation.Origin]:
    # Imported late: a stage that reads a frozen recipe needs no Hydra.
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    spelt = []
    for override in overrides:
        key, sign, _ = override.partition("=")
        if not sign or not key:
            raise UserError(f"SET: {override!r} is not key=value", hint='SET="axolotl.lora_r=32 model=tiny"')
        spelt.append(override if key in groups() else f"++{override.lstrip('+')}")
    _refuse_sweeps(spelt)
    _refuse_unknown_choices(name, overrides)
    search = f"hydra.searchpath=['file://{paths.CONFIGS_DIR}']"
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=str(paths.RECIPES_DIR), version_base="1.3"):
            config = hydra_compose(name, overrides=[search, *spelt], return_hydra_config=True)
        choices = {g: c for g, c in config.hydra.runtime.choices.items() if g in groups()}
        own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        plain = OmegaConf.to_container(own, resolve=True)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
        raise UserError(f"recipes/{name}.yaml: {_first_lines(error)}") from None
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}, validation.Origin(name, choices, overrides)


def _refuse_sweeps(overrides: list[str]) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    problems = []
    for override in overrides:
        try:
            parsed = OverridesParser.create().parse_override(override)
        except HydraException as error:
            problems.append(f"SET: {override.lstrip('+')!r}: {_first_lines(error)}")
            continue
        if parsed.is_sweep_override():
            problems.append(f"SET: {override.lstrip('+')!r} names several values, and a run takes one")
    if problems:
        raise UserError(problems)


def _refuse_unknown_choices(name: str, overrides: list[str]) -> None:
    wanted = {("SET", key): value for key, _, value in (o.partition("=") for o in overrides) if key in groups()}
    path = paths.RECIPES_DIR / f"{name}.yaml"
    for default in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("defaults", []):
        if isinstance(default, dict):
            wanted.update({(f"recipes/{name}.yaml", str(k)): str(v) for k, v in default.items() if k in groups()})
    problems = []
    for (where, group), choice in wanted.items():
        options = sorted(p.stem for p in (paths.CONFIGS_DIR / group).glob("*.yaml"))
        if choice not in options:
            hint = validation.did_you_mean(choice, options)
            problems.append(f"{where}: {group}={choice}: no such {group}{hint}. There are: {', '.join(options)}")
    if problems:
        raise UserError(problems)


def _first_lines(error: Exception) -> str:
    causes = [str(error)] + ([str(error.__cause__)] if error.__cause__ else [])
    return "; ".join(" ".join(line.strip() for line in cause.splitlines() if line.strip()) for cause in causes)
