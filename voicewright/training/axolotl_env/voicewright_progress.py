"""An Axolotl plugin that writes what happens in a run to `<output_dir>/events.jsonl`, one object a line.

begin     {step, max_steps, epochs}                 training starts, or resumes at `step`
log       {step, epoch, loss | eval_loss, learning_rate, memory_gb, ...}   what the trainer logs
save      {step}                                    a checkpoint is on disk
decision  {step, metric, drop, noise, ratio, ...}   early stopping looked at the curve
stop      {step, metric, why}                       early stopping ended the run
end       {step, max_steps, reason}                 reason: finished | terminated | diverged
saved     {}                                        the final weights are on disk

Training is finished only after an `end` with the last step reached (or after a `stop`), and then `saved`: Axolotl
itself saves a half-trained adapter and exits 0. Named in `plugins:`, started with Axolotl's Python, imports nothing of
ours.
"""

import json
import math
import os
import resource
import shutil
import signal
import time

import torch
from axolotl.integrations.base import BasePlugin
from transformers import TrainerCallback, set_seed

# Training resumes from the last checkpoint only, and the optimizer's state is twice the weights of a full fine-tune.
# The names are those of one process, of FSDP and of DeepSpeed.
OPTIMIZER_STATE = ("optimizer", "scheduler", "scaler", "rng_state", "global_step")
# Three losses in a row this far above the first are a divergence; one alone may be a hard row.
DIVERGED_FACTOR, DIVERGED_PLUS, DIVERGED_STEPS = 1.5, 1.0, 3


def write_event(output_dir, event, **values):
    os.makedirs(output_dir, exist_ok=True)
    row = {"event": event, "time": round(time.time(), 2), **values}
    with open(os.path.join(output_dir, "events.jsonl"), "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def memory_gb():
    """Peak so far, of this process's accelerator or else of the process, in GB of 2**30 bytes."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 2**30, 3)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3)


def any_process(value, device):
    """Whether the value is true in any process of the group, so that all stop at the same step."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return value
    flag = torch.tensor([int(value)], device=device)
    torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
    return bool(flag.item())


class ProgressCallback(TrainerCallback):
    """Records events, saves and stops on SIGTERM, stops a loss that diverges, deletes old optimizer states."""

    def __init__(self, output_dir):
        self.output_dir = output_dir
        self.reason = "finished"
        self.terminated = False
        self.first_loss = None
        self.far_losses = 0

    def write(self, state, event, **values):
        if state.is_world_process_zero:
            write_event(self.output_dir, event, **values)

    def on_train_begin(self, args, state, control, **_):
        def terminate(_number, _frame):
            self.terminated = True

        signal.signal(signal.SIGTERM, terminate)
        self.write(state, "begin", step=state.global_step, max_steps=state.max_steps, epochs=args.num_train_epochs)

    def on_step_end(self, args, state, control, **_):
        if state.global_step < state.max_steps and any_process(self.terminated, args.device):
            # The trainer itself saves and stops, so that the checkpoint is whole and can be resumed.
            self.reason = "terminated"
            control.should_save = True
            control.should_training_stop = True
        return control

    def on_log(self, args, state, control, logs=None, **_):
        numbers = {key: value for key, value in (logs or {}).items() if isinstance(value, (int, float))}
        if "loss" in numbers and self.has_diverged(numbers["loss"], numbers.get("grad_norm", 0.0)):
            self.reason = "diverged"
            control.should_training_stop = True
            control.should_save = False
        finite = {key: value if math.isfinite(value) else None for key, value in numbers.items()}
        self.write(state, "log", step=state.global_step, **finite, memory_gb=memory_gb())
        return control

    def has_diverged(self, loss, grad_norm):
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            return True
        if self.first_loss is None:
            self.first_loss = loss
        is_far = loss > DIVERGED_FACTOR * self.first_loss + DIVERGED_PLUS
        self.far_losses = self.far_losses + 1 if is_far else 0
        return self.far_losses >= DIVERGED_STEPS

    def on_save(self, args, state, control, **_):
        if not state.is_world_process_zero:
            return
        write_event(self.output_dir, "save", step=state.global_step)
        os.sync()
        # The new checkpoint is whole on the disk by now: the older ones are kept to be merged or measured.
        for entry in os.scandir(args.output_dir):
            step = entry.name.removeprefix("checkpoint-")
            if entry.name != step and step.isdigit() and int(step) < state.global_step:
                for state_entry in os.scandir(entry.path):
                    if not state_entry.name.startswith(OPTIMIZER_STATE):
                        continue
                    if state_entry.is_dir():
                        shutil.rmtree(state_entry.path)
                    else:
                        os.remove(state_entry.path)

    def on_train_end(self, args, state, control, **_):
        self.write(state, "end", step=state.global_step, max_steps=state.max_steps, reason=self.reason)


class ProgressPlugin(BasePlugin):
    """Adds the callback to whichever trainer Axolotl builds, DPO's included."""

    def get_training_args(self, cfg):
        # By default the trainer logs the last finite loss in place of one that is not finite.
        return {"logging_nan_inf_filter": False}

    def load_datasets(self, cfg, preprocess=False):
        # Axolotl maps a rank to the accelerator of its number, which a machine without one does not have.
        if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.cuda.is_available():
            cfg.device_map = {"": "cpu"}

    def pre_model_load(self, cfg):
        # The trainer seeds itself, but an adapter's first weights are drawn before it exists.
        set_seed(cfg.seed)

    def add_callbacks_pre_trainer(self, cfg, model):
        return [ProgressCallback(cfg.output_dir)]

    def post_train_unload(self, cfg):
        if int(os.environ.get("RANK", "0")) == 0:
            write_event(cfg.output_dir, "saved")
