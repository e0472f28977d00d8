"""A repository's configuration, as the installed transformers reads it, and no more than it understands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from onnxhub.backend.programs import refuse
from onnxhub.backend.programs.known_settings import is_newer, not_understood

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["read_configuration"]


def read_configuration(source: Path, *, code: bool) -> Any:
    """The configuration; the program ends if transformers does not know its kind, or would ignore a part of it."""
    import transformers

    written = json.loads((source / "config.json").read_bytes())
    kind = written.get("model_type")
    if not isinstance(kind, str) or kind not in transformers.CONFIG_MAPPING:
        if code:
            refuse("its model is code of the repository (auto_map in config.json), and such code is never run here")
        if kind is None:
            refuse("its config.json does not say of which model_type it is")
        refuse(f"transformers {transformers.__version__} knows no models of type {kind!r}{_who_does(written)}")
    config = transformers.AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    version = written.get("transformers_version")
    if is_newer(version, transformers.__version__):
        found = not_understood(written, config, saved_by=version)
        if found is not None:
            known = f"which transformers {transformers.__version__} does not know, and would ignore"
            refuse(f"its config.json says {found}, {known}{_who_does(written)}")
    return config


def _who_does(written: Mapping[str, Any]) -> str:
    """What else may convert what a newer version of transformers has saved."""
    import transformers

    version = written.get("transformers_version")
    if not is_newer(version, transformers.__version__):
        return ""
    newer = (
        "pip install --upgrade transformers"
        if is_newer(transformers.__version__, "5.23")
        else "pip install 'onnxhub[export]', in place of optimum"
    )
    return f"; transformers {version} has saved it, and a newer one can convert it: {newer}"
