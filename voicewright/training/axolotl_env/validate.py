"""Let this environment's Axolotl validate rendered YAMLs.

Request: {configs: [{text, compute_capability, devices, nodes, bf16}, ...]}, with the capabilities of the machine that
will train, which is often another one. Answer: the reasons of each to refuse it, [] for one that is accepted. Started
with Axolotl's Python, imports nothing of ours.
"""

import json
import sys

import torch
import yaml
from axolotl.utils.config import prepare_plugins, validate_config
from axolotl.utils.dict import DictDefault
from pydantic import ValidationError


def reasons(text, compute_capability, devices, nodes, bf16):
    config = DictDefault(yaml.safe_load(text))
    try:
        prepare_plugins(config)
        validate_config(
            config,
            capabilities={
                "bf16": bf16,
                "fp8": False,
                "tf32": bf16,
                "n_gpu": devices,
                "n_node": nodes,
                "compute_capability": compute_capability,
            },
            env_capabilities={"torch_version": torch.__version__.split("+")[0]},
        )
    except ValidationError as error:
        details = error.errors(include_url=False)
        return [f"{'.'.join(str(p) for p in d['loc']) or 'axolotl'}: {d['msg']}" for d in details]
    except (ValueError, KeyError, ImportError) as error:
        return [str(error)]
    return []


answer = [reasons(**config) for config in json.load(sys.stdin)["configs"]]
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(answer, file)
