"""Let this environment's Axolotl judge a rendered YAML: exit 0, or exit 3 with its reasons as JSON on stdout.

`validate.py axolotl.yaml compute_capability n_devices bf16`: the target machine's, since the judging machine is
often another one. Started with Axolotl's Python, imports nothing of ours.
"""

import json
import sys

import yaml
from axolotl.utils.config import prepare_plugins, validate_config
from axolotl.utils.dict import DictDefault
from pydantic import ValidationError

path, capability, devices, bf16 = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    config = DictDefault(yaml.safe_load(file))
problems = []
try:
    prepare_plugins(config)
    validate_config(
        config,
        capabilities={
            "bf16": bf16 == "true",
            "fp8": False,
            "tf32": bf16 == "true",
            "n_gpu": int(devices),
            "n_node": 1,
            "compute_capability": capability,
        },
        env_capabilities={"torch_version": __import__("torch").__version__.split("+")[0]},
    )
except ValidationError as error:
    for detail in error.errors(include_url=False):
        problems.append(f"{'.'.join(str(p) for p in detail['loc']) or 'axolotl'}: {detail['msg']}")
except (ValueError, KeyError) as error:
    problems.append(str(error))
if problems:
    print("PROBLEMS " + json.dumps(problems))
    sys.exit(3)
