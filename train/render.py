"""Write axolotl.yaml, exactly what Axolotl reads: the recipe's `axolotl:` block and where the rows are.

python -m train.render RUN
"""

from __future__ import annotations

import yaml

from train import datasets, judged
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
        "plugins": ["voicewright_progress.ProgressPlugin"],
        **wanted.axolotl,
    }
    problems = datasets.row_problems(tree)
    if problems:
        raise UserError(problems, mend=f"make prepare RECIPE={wanted.recipe} writes rows that fit")
    head = f"# Rendered by `make render` from recipes/{wanted.recipe}.yaml; edit that, not this.\n"
    return head + yaml.safe_dump(tree, sort_keys=True, allow_unicode=True)


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


if __name__ == "__main__":
    main()
