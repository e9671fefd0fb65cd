"""Print the server arguments that this environment's vLLM accepts, as JSON; imports nothing of ours."""

import json
import sys

from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser

parser = make_arg_parser(FlexibleArgumentParser())
names = {action.dest for action in parser._actions} - {"help"}
json.dump(dict.fromkeys(sorted(names)), sys.stdout, indent=1)
