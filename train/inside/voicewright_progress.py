"""An Axolotl plugin that writes what happens in a run to `<output_dir>/events.jsonl`, one object a line.

begin  {step, max_steps, epochs}                 training starts, or goes on from `step`
log    {step, epoch, loss | eval_loss, learning_rate, ...}   whatever the trainer logs
save   {step}                                    a checkpoint is on disk
end    {step, max_steps, reason}                 reason: finished | terminated | diverged

Only `end` with the last step reached (or a stop that a plugin recorded) means done: Axolotl itself saves a
half-trained adapter and exits 0. Named in `plugins:`, started with Axolotl's Python, imports nothing of ours.
"""

import json
import math
import os
import signal
import time

from axolotl.integrations.base import BasePlugin
from transformers import TrainerCallback


class ProgressCallback(TrainerCallback):
    """Records events, saves and stops on SIGTERM, and stops a loss that is not a number."""

    def __init__(self, output_dir):
        self.path = os.path.join(output_dir, "events.jsonl")
        self.reason = "finished"
        self.terminated = False

    def write(self, event, **values):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        row = {"event": event, "time": round(time.time(), 2), **values}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def on_train_begin(self, args, state, control, **_):
        def terminate(_number, _frame):
            self.terminated = True

        signal.signal(signal.SIGTERM, terminate)
        self.write("begin", step=state.global_step, max_steps=state.max_steps, epochs=args.num_train_epochs)

    def on_step_end(self, args, state, control, **_):
        if self.terminated and state.global_step < state.max_steps:
            # Leave by the trainer's own door, so that the checkpoint is whole and can be resumed.
            self.reason = "terminated"
            control.should_save = True
            control.should_training_stop = True
        return control

    def on_log(self, args, state, control, logs=None, **_):
        numbers = {key: value for key, value in (logs or {}).items() if isinstance(value, (int, float))}
        loss = numbers.get("loss")
        if loss is not None and not math.isfinite(loss):
            self.reason = "diverged"
            control.should_training_stop = True
            numbers["loss"] = None
        self.write("log", step=state.global_step, **numbers)
        return control

    def on_save(self, args, state, control, **_):
        self.write("save", step=state.global_step)

    def on_train_end(self, args, state, control, **_):
        self.write("end", step=state.global_step, max_steps=state.max_steps, reason=self.reason)


class ProgressPlugin(BasePlugin):
    """Adds the callback to whichever trainer Axolotl builds, DPO's included."""

    def add_callbacks_pre_trainer(self, cfg, model):
        return [ProgressCallback(cfg.output_dir)]
