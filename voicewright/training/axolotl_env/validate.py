"""Let this environment's Axolotl judge rendered YAMLs: one line `REASONS [[...], ...]` on stdout, a list a YAML.

`validate.py requests.json`: [{path, compute_capability, devices, nodes, bf16}, ...], the target machine's, since the
judging machine is often another one. Started with Axolotl's Python, imports nothing of ours.
"""

import json
import sys

import torch
import yaml
from axolotl.utils.config import prepare_plugins, validate_config
from axolotl.utils.dict import DictDefault
from pydantic import ValidationError


def reasons(path, compute_capability, devices, nodes, bf16):
    with open(path, encoding="utf-8") as file:
        config = DictDefault(yaml.safe_load(file))
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


with open(sys.argv[1], encoding="utf-8") as file:
    requests = json.load(file)
print("REASONS " + json.dumps([reasons(**request) for request in requests]))
