"""Write axolotl.yaml, exactly what Axolotl reads: the recipe's `axolotl:` block and where the rows are.

python -m train.render RUN
"""

from __future__ import annotations

import yaml

from voicewright.cli import arguments
from voicewright.core import environments
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.core.records import write_text
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe
from voicewright.training import axolotl_validation, base_model, datasets, launch_commands


def axolotl_yaml(wanted: Recipe) -> str:
    """The YAML text. What the recipe says under `axolotl:` wins over what is derived here."""
    run = Run(wanted.run)
    tree = {
        **datasets.render(wanted),
        "output_dir": datasets.short(run.adapter_dir),
        "plugins": plugins(wanted),
        **wanted.axolotl,
    }
    if wanted.early_stopping:
        tree["voicewright_early_stopping"] = wanted.early_stopping.model_dump()
    problems = datasets.row_problems(tree) + base_model.problems(wanted)
    if problems:
        raise UserError(problems, hint=f"make prepare RECIPE={wanted.recipe} writes rows that fit")
    head = f"# Rendered by `make render` from recipes/{wanted.recipe}.yaml; edit that, not this.\n"
    return head + yaml.safe_dump(tree, sort_keys=True, allow_unicode=True)


def plugins(wanted: Recipe) -> list[str]:
    """Our plugins in voicewright/training/axolotl_env/ that this recipe needs."""
    named = ["voicewright_progress.ProgressPlugin"]
    if wanted.early_stopping:
        named.append("voicewright_stopping.EarlyStoppingPlugin")
    if wanted.hardware.accelerator == "cpu":
        named.append("voicewright_cpu.CpuPlugin")
    return named


@exits_cleanly
def main() -> None:
    name, _ = arguments.parse(__doc__, {})
    wanted = recipes.load(name)
    run = Run(wanted.run)
    text = axolotl_yaml(wanted)
    if environments.is_built("train"):
        axolotl_validation.by_axolotl(text, wanted.hardware)
    write_text(run.axolotl_path, text)
    print(f"wrote {run.axolotl_path}")
    if script := launch_commands.write_slurm_script(wanted):
        print(f"wrote {script}")


if __name__ == "__main__":
    main()
