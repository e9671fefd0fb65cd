"""An Axolotl plugin that ends a run whose loss no longer falls by more than its noise.

It works for DPO too, where Axolotl's own early stopping is ignored. Every decision is written to events.jsonl with its
figures.

Configured by `voicewright_early_stopping:` {watch, window, threshold, patience, min_exposure}; see the recipe's
`early_stopping`. Started with Axolotl's Python, imports nothing of ours.
"""

import math

from axolotl.integrations.base import BasePlugin
from plateau import Plateau
from pydantic import BaseModel
from transformers import TrainerCallback
from voicewright_progress import write_event


class EarlyStoppingArgs(BaseModel):
    """What the plugin adds to Axolotl's configuration."""

    voicewright_early_stopping: dict | None = None


class EarlyStoppingCallback(TrainerCallback):
    """Looks at the watched loss each time that it is logged."""

    def __init__(self, output_dir, watch, **rule):
        self.output_dir = output_dir
        self.watch = watch
        self.rule = rule

    def on_train_begin(self, args, state, control, **_):
        # Rebuilt from the trainer's own history, so that a resumed run decides as an unbroken one would.
        self.plateau = Plateau(**self.rule)
        for row in state.log_history:
            if self.watch in row and row.get("step"):
                self.plateau.add(row[self.watch], row.get("epoch", 0.0))

    def on_log(self, args, state, control, logs=None, **_):
        # An evaluation before the first step measures the base, not the training.
        if self.watch not in (logs or {}) or not state.global_step:
            return control
        decision = self.plateau.add(logs[self.watch], state.epoch or 0.0)
        if decision is None:
            return control
        stop = decision["stop"] and state.global_step < state.max_steps
        if state.is_world_process_zero:
            figures = {key: value if math.isfinite(value) else None for key, value in decision.items()}
            write_event(self.output_dir, "decision", step=state.global_step, metric=self.watch, **figures)
        if stop and state.is_world_process_zero:
            why = (
                f"{self.watch} fell by {decision['drop']:.4f}, {decision['ratio']:.2f} times its noise, at "
                f"{decision['strikes']} looks in a row"
            )
            write_event(self.output_dir, "stop", step=state.global_step, metric=self.watch, why=why)
        if stop:
            control.should_save = True
            control.should_training_stop = True
        return control


class EarlyStoppingPlugin(BasePlugin):
    """Adds the callback when the recipe asks for it."""

    def get_input_args(self):
        return "voicewright_stopping.EarlyStoppingArgs"

    def add_callbacks_pre_trainer(self, cfg, model):
        rule = cfg.voicewright_early_stopping
        return [EarlyStoppingCallback(cfg.output_dir, **rule)] if rule else []
