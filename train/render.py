"""Write axolotl.yaml, exactly what Axolotl reads: the recipe's `axolotl:` block and where the rows are.

python -m train.render RUN
"""

from __future__ import annotations

import yaml

from train import base, datasets, judged, machines
from voicewright import command, environments, recipe
from voicewright.errors import UserError, exits_cleanly
from voicewright.layout import Run
from voicewright.records import write_text
from voicewright.schema import Recipe


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
    problems = datasets.row_problems(tree) + base.problems(wanted)
    if problems:
        raise UserError(problems, mend=f"make prepare RECIPE={wanted.recipe} writes rows that fit")
    head = f"# Rendered by `make render` from recipes/{wanted.recipe}.yaml; edit that, not this.\n"
    return head + yaml.safe_dump(tree, sort_keys=True, allow_unicode=True)


def plugins(wanted: Recipe) -> list[str]:
    """Our plugins in train/inside/ that this recipe needs."""
    named = ["voicewright_progress.ProgressPlugin"]
    if wanted.early_stopping:
        named.append("voicewright_stopping.EarlyStoppingPlugin")
    if wanted.hardware.accelerator == "cpu":
        named.append("voicewright_cpu.CpuPlugin")
    return named


@exits_cleanly
def main() -> None:
    name, _ = command.parse(__doc__, {})
    wanted = recipe.load(name)
    run = Run(wanted.run)
    text = axolotl_yaml(wanted)
    if environments.is_built("train"):
        judged.by_axolotl(text, wanted.hardware)
    write_text(run.axolotl_path, text)
    print(f"wrote {run.axolotl_path}")
    if script := machines.write_slurm_script(wanted):
        print(f"wrote {script}")


if __name__ == "__main__":
    main()
