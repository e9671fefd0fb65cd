"""Every path of a run, in one place."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from voicewright.core.errors import UserError
from voicewright.core.units import GB

PACKAGE_DIR = Path(__file__).resolve().parent.parent
IS_CHECKOUT = (PACKAGE_DIR.parent / "configs" / "base.yaml").is_file()
# What is shipped: configs, recipes, samples, prompts, pins. The repository, or what an installed package holds of it.
REPO_DIR = PACKAGE_DIR.parent if IS_CHECKOUT else PACKAGE_DIR / "bundled"
CONFIGS_DIR = REPO_DIR / "configs"
# The user's project: the repository, or the folder in which an installed package is used.
PROJECT_DIR = REPO_DIR if IS_CHECKOUT else Path(os.environ.get("VOICEWRIGHT_HOME") or Path.cwd())
# The user's recipes; those that are shipped are found beside them.
RECIPES_DIR = PROJECT_DIR / "recipes"
ENVS_DIR = PROJECT_DIR / ".envs"
# What runs with the Python of Axolotl's environment, never with ours.
AXOLOTL_ENV_DIR = PACKAGE_DIR / "training" / "axolotl_env"
SAMPLE_DIR = REPO_DIR / "manuscripts" / "sample"
PROMPTS_DIR = REPO_DIR / "benchmarks" / "prompts"
PROFILES_DIR = PACKAGE_DIR / "stylometry" / "profiles"
TASKS_DIR = REPO_DIR / "benchmarks" / "tasks"
# A run's name is a folder's: no path, nothing hidden, nothing that a shell or a command line reads.
NAME = re.compile(r"\w[\w.-]{0,199}")


def home() -> Path:
    """Where runs/ and merged_models/ lie: the user's project, or VOICEWRIGHT_HOME (a larger disk, a test)."""
    return Path(os.environ.get("VOICEWRIGHT_HOME") or PROJECT_DIR)


def recipe_dirs() -> list[Path]:
    """Where recipes are looked for, the user's own first."""
    shipped = REPO_DIR / "recipes"
    return [RECIPES_DIR] if IS_CHECKOUT else [folder for folder in (RECIPES_DIR, shipped) if folder.is_dir()]


def recipe_path(name: str) -> Path:
    """The file of a recipe, which need not exist."""
    candidates = [folder / f"{name}.yaml" for folder in recipe_dirs()]
    return next((path for path in candidates if path.exists()), candidates[0])


def given_path(path: str | Path) -> Path:
    """A path as a recipe or a user gives it: absolute, or below the project, else below what is shipped."""
    expanded = Path(path).expanduser()
    below_project = PROJECT_DIR / expanded
    return below_project if IS_CHECKOUT or below_project.exists() else REPO_DIR / expanded


def free_gb() -> float:
    """Disk space in GB that is free where runs are written; the folder itself need not exist yet."""
    place = next(path for path in (home().absolute(), *home().absolute().parents) if path.exists())
    return shutil.disk_usage(place).free / GB


@dataclass(frozen=True)
class Run:
    """The files of one run: `runs/<name>/` and `merged_models/<name>/`. Raises UserError for a name that is none."""

    name: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise UserError(
                f"RUN={self.name}: expected letters, digits, . _ and -, beginning with a letter, a digit or _",
                hint="make runs lists the runs that there are",
            )

    @property
    def dir(self) -> Path:
        return home() / "runs" / self.name

    @property
    def recipe_path(self) -> Path:
        return self.dir / "recipe.yaml"

    @property
    def overrides_path(self) -> Path:
        """The overrides that the user set."""
        return self.dir / "overrides.json"

    @property
    def adapted_path(self) -> Path:
        """What the recipe was changed to after training ran out of memory."""
        return self.dir / "adapted.jsonl"

    @property
    def manifest_path(self) -> Path:
        return self.dir / "manifest.json"

    @property
    def data_dir(self) -> Path:
        return self.dir / "data"

    @property
    def stats_path(self) -> Path:
        return self.data_dir / "stats.json"

    def rows_path(self, shape: str, split: str) -> Path:
        """`data/<shape>/<split>.jsonl`; split: train | val | heldout, or synthetic, trained on and nobody's own."""
        return self.data_dir / shape / f"{split}.jsonl"

    def row_files(self, *splits: str) -> list[Path]:
        """The row files that exist, all shapes; every split unless some are named."""
        return [path for path in sorted(self.data_dir.glob("*/*.jsonl")) if not splits or path.stem in splits]

    @property
    def axolotls_rows(self) -> list[Path]:
        """The row files that Axolotl reads."""
        return self.row_files("train", "synthetic", "val")

    @property
    def axolotl_path(self) -> Path:
        return self.dir / "axolotl.yaml"

    @property
    def adapter_dir(self) -> Path:
        return self.dir / "adapter"

    @property
    def slurm_path(self) -> Path:
        """The job script, where the recipe takes more than one machine."""
        return self.dir / "slurm.sh"

    @property
    def training_inputs_path(self) -> Path:
        """What the checkpoints in `adapter` were trained with."""
        return self.adapter_dir / "begun.json"

    @property
    def checkpoints_path(self) -> Path:
        """The comparison of all checkpoints (`make checkpoints`)."""
        return self.dir / "checkpoints.json"

    @property
    def parity_tokens_path(self) -> Path:
        """Texts, and what the merged model gives to their tokens."""
        return self.dir / "parity_tokens.json"

    @property
    def choice_path(self) -> Path:
        """Which checkpoint the user chose to merge (CHECKPOINT of `make merge`); absent means auto."""
        return self.dir / "checkpoint.choice"

    @property
    def merged_dir(self) -> Path:
        return home() / "merged_models" / self.name

    @property
    def generations_dir(self) -> Path:
        return self.dir / "generations"

    def generations_path(self, arm: str) -> Path:
        return self.generations_dir / f"{arm}.jsonl"

    @property
    def prefixes_dir(self) -> Path:
        """Continuations of training text, apart from the generations so that no voice measure or pair reads them."""
        return self.dir / "prefixes"

    def prefixes_path(self, arm: str) -> Path:
        return self.prefixes_dir / f"{arm}.jsonl"

    @property
    def likelihood_dir(self) -> Path:
        return self.dir / "likelihood"

    def likelihood_path(self, arm: str) -> Path:
        """Log-probabilities that the arm gives to the held-out passages."""
        return self.likelihood_dir / f"{arm}.jsonl"

    @property
    def tags_dir(self) -> Path:
        """Whether each arm answered every mode in its tags, where the rows are modes."""
        return self.dir / "tags"

    def tags_path(self, arm: str) -> Path:
        return self.tags_dir / f"{arm}.json"

    def tags_answers_path(self, arm: str) -> Path:
        """The answers that `tags_path` is counted from, while they come; gone once it is written."""
        return self.tags_dir / f"{arm}.answers.jsonl"

    @property
    def preferred_dir(self) -> Path:
        """Which reply of the held-out pairs each arm finds likelier, where the rows are pairs."""
        return self.dir / "preferred"

    def preferred_path(self, arm: str) -> Path:
        return self.preferred_dir / f"{arm}.json"

    @property
    def lm_eval_dir(self) -> Path:
        """What each arm answered to the tasks of lm-evaluation-harness."""
        return self.dir / "lm_eval"

    def lm_eval_path(self, arm: str) -> Path:
        return self.lm_eval_dir / f"{arm}.json"

    @property
    def voice_path(self) -> Path:
        return self.dir / "voice.json"

    @property
    def blind_dir(self) -> Path:
        return self.dir / "blind"

    @property
    def pairs_path(self) -> Path:
        return self.blind_dir / "pairs.jsonl"

    @property
    def key_path(self) -> Path:
        return self.blind_dir / "key.jsonl"

    @property
    def votes_path(self) -> Path:
        return self.blind_dir / "votes.jsonl"

    @property
    def pairing_path(self) -> Path:
        """Which arms were paired, and the pairs that were left out."""
        return self.blind_dir / "pairing.json"

    @property
    def qualification_path(self) -> Path:
        """How each judge did on pairs whose answer is known."""
        return self.blind_dir / "court.json"

    @property
    def cases_path(self) -> Path:
        """The pairs whose answer is known."""
        return self.blind_dir / "cases.jsonl"

    @property
    def trials_path(self) -> Path:
        """The judges' votes on them."""
        return self.blind_dir / "trials.jsonl"

    @property
    def targets_path(self) -> Path:
        """The targets as they stood before the first vote."""
        return self.blind_dir / "targets.json"

    @property
    def packet_path(self) -> Path:
        """The readers' page."""
        return self.blind_dir / "packet.html"

    @property
    def packets_dir(self) -> Path:
        """What each readers' page holds, by id: a ballot of an earlier page still counts."""
        return self.blind_dir / "packets"

    @property
    def ballots_dir(self) -> Path:
        """Ballots that were handed in to the served page."""
        return self.blind_dir / "ballots"

    @property
    def looks_path(self) -> Path:
        """A hash of the votes at each look at the verdict."""
        return self.blind_dir / "looks.json"

    @property
    def preferences_path(self) -> Path:
        """Preference pairs for the next round."""
        return self.dir / "preferences.jsonl"

    @property
    def verdict_path(self) -> Path:
        return self.blind_dir / "verdict.json"

    @property
    def decision_path(self) -> Path:
        return self.dir / "decision.json"

    @property
    def report_path(self) -> Path:
        return self.dir / "report.html"

    @property
    def logs_dir(self) -> Path:
        return self.dir / "logs"

    @property
    def children_dir(self) -> Path:
        """Records and locks of child processes."""
        return self.dir / "children"

    def child_path(self, name: str) -> Path:
        """The record of a child process (a trainer, a server), so that it can be ended after a crash."""
        return self.children_dir / f"{name}.json"
