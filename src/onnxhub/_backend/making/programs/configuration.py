"""Reads a repository's configuration as the installed transformers does; an entry that it would ignore is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from onnxhub._backend.making.programs import refuse
from onnxhub._backend.making.programs.known_settings import advise_newer, find_unknown_setting, is_newer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_configuration"]


def read_configuration(source: Path, *, code: bool) -> Any:
    """Return the configuration; end the program if transformers does not know its type, or would ignore an entry."""
    import transformers

    written = json.loads((source / "config.json").read_bytes())
    kind, version = written.get("model_type"), written.get("transformers_version")
    advice = advise_newer(version, transformers.__version__)
    if not isinstance(kind, str) or kind not in transformers.CONFIG_MAPPING:
        if code:
            refuse("its model is code of the repository (auto_map in config.json), and such code is never run here")
        if kind is None:
            refuse("its config.json does not say of which model_type it is")
        refuse(f"transformers {transformers.__version__} knows no models of type {kind!r}{advice}")
    config = transformers.AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    if is_newer(version, transformers.__version__):
        found = find_unknown_setting(written, config, saved_by=version)
        if found is not None:
            known = f"which transformers {transformers.__version__} does not know, and would ignore"
            refuse(f"its config.json says {found}, {known}{advice}")
    return config
