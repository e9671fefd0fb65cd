"""The hub of models, through huggingface_hub: small files, tensor names, the token, and what its cache holds.

huggingface_hub is imported late: it takes half a second, and most commands never ask the hub.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from voicewright.core import credentials
from voicewright.core.errors import UserError

WEIGHTS, WEIGHTS_INDEX = "model.safetensors", "model.safetensors.index.json"


class HubUnreachableError(Exception):
    """The hub did not answer a request for a file; that is no mistake of the user's, and is not reported as one."""


def token() -> str | None:
    """The user's token: HF_TOKEN of the environment or of .env, else where `hf auth login` stored it."""
    from huggingface_hub import get_token

    return credentials.find("HF_TOKEN") or get_token()


def fetch_file(name: str, file: str) -> Path | None:
    """A small file of a model of the hub, in the hub's own cache; None where the model has no such file.

    Raises UserError for a model that does not exist or is closed to this user, HubUnreachableError without an answer.
    """
    from httpx2 import HTTPError
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.errors import GatedRepoError, RemoteEntryNotFoundError, RepositoryNotFoundError

    endpoint, user_token = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT, token()
    try:
        # Asked once: the download itself asks for half a minute before it gives up.
        get_hf_file_metadata(hf_hub_url(name, file, endpoint=endpoint), token=user_token or False)
        return Path(hf_hub_download(name, file, endpoint=endpoint, token=user_token or False))
    except GatedRepoError:
        accept = f"accept its licence at {endpoint}/{name}"
        if user_token:
            raise UserError(f"{name}: the hub does not give it to this HF_TOKEN", hint=accept) from None
        raise UserError(
            f"{name}: gated, the hub gives it to nobody without a token",
            hint=f"{accept}, then HF_TOKEN=... in the environment or in .env",
        ) from None
    except RepositoryNotFoundError:
        private = "" if user_token else " that is open to everybody; for a private one set HF_TOKEN"
        raise UserError(f"{name}: the hub has no such model{private}", hint="axolotl.base_model=owner/name") from None
    except RemoteEntryNotFoundError:
        return None
    except (HTTPError, OSError):
        raise HubUnreachableError from None


def tensor_names(name: str) -> tuple[str, ...]:
    """The names of a model's tensors, from its index or the header of its only file; () where it has neither."""
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import SafetensorsParsingError

    if index_path := fetch_file(name, WEIGHTS_INDEX):
        return tuple(json.loads(index_path.read_text(encoding="utf-8")).get("weight_map") or ())
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token() or False)
    try:
        return tuple(api.parse_safetensors_file_metadata(name, WEIGHTS).tensors)
    except (HTTPError, SafetensorsParsingError):
        return ()


def is_cached(name: str) -> bool:
    """Whether all weights of a model of the hub are in the hub's cache on this disk."""
    from huggingface_hub import try_to_load_from_cache

    if name.count("/") != 1:
        return False
    if isinstance(try_to_load_from_cache(name, WEIGHTS), str):
        return True
    index_path = try_to_load_from_cache(name, WEIGHTS_INDEX)
    if not isinstance(index_path, str):
        return False
    shards = set((json.loads(Path(index_path).read_text(encoding="utf-8")).get("weight_map") or {}).values())
    return bool(shards) and all(isinstance(try_to_load_from_cache(name, shard), str) for shard in shards)


def cached_file(name: str, file: str) -> Path | None:
    """A file of a model in the hub's cache on this disk; None where it is not there."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(name, file) if name.count("/") == 1 else None
    return Path(path) if isinstance(path, str) else None


def parameter_count(name: str) -> int | None:
    """The number of a model's weights, from the headers of its safetensors files; None where they do not tell."""
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, NotASafetensorsRepoError, SafetensorsParsingError

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token() or False)
    try:
        return sum(api.get_safetensors_metadata(name).parameter_count.values()) or None
    except (HTTPError, HfHubHTTPError, NotASafetensorsRepoError, SafetensorsParsingError, OSError):
        return None


def license_of(name: str) -> tuple[str, bool] | None:
    """A model's license on the hub, and whether the model is gated; None where the hub does not tell."""
    from httpx2 import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token() or False)
    try:
        info = api.model_info(name)
    except (HTTPError, HfHubHTTPError, OSError):
        return None
    license_name = info.card_data.get("license") if info.card_data else None
    return (str(license_name), bool(info.gated)) if license_name else None
