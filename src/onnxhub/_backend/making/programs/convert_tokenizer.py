"""Make a ``tokenizer.json`` of a vocabulary, as transformers does it.

Asked: ``source`` and ``output``, folders; ``frameworks``, whether torch and the like may be imported. The output gets
``facts.json``: ``fast``, whether the tokenizer has a fast form, which is then beside it as ``tokenizer.json``; or why there
is none: ``problem``, with the type of the ``error`` that transformers raised, if it did; or ``package``, one that is missing.
"""

from __future__ import annotations

import json
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from onnxhub._backend.making.programs import begin, refuse_foreign

UNICODE_PIECES: Final = (".model", ".spm", ".tokenizer")
"""Endings of vocabularies that sentencepiece has trained. tiktoken has text under the first of these names."""
READERS: Final = {False: ("sentencepiece", "google.protobuf"), True: ("tiktoken",)}
"""Whether a vocabulary of such a name is text -> the packages that read it."""
INSTALLED_AS: Final = {"google.protobuf": "protobuf"}
WITHOUT_FRAMEWORKS: Final = {
    "USE_TORCH": "0",
    "USE_TF": "0",
    "USE_FLAX": "0",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",  # it advises to install one
}
"""Environment variables by which transformers imports none of torch, TensorFlow and Flax."""
_NEEDED: Final = re.compile(r"(?:requires the|need to install) (\w+)")


def main() -> None:
    """Run the request of the parent."""
    asked = begin()
    if not asked["frameworks"]:
        os.environ.update(WITHOUT_FRAMEWORKS)
    output = Path(asked["output"])
    facts = convert(Path(asked["source"]), output)
    (output / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def convert(source: Path, output: Path) -> dict[str, Any]:
    """Write the fast form of the tokenizer, if it has one, and return the facts."""
    try:
        import transformers

        if not _is_named(source, transformers.CONFIG_MAPPING):
            # Else transformers would guess from the name of the folder.
            return {
                "problem": "no tokenizer_class in tokenizer_config.json, and no model_type that it knows in config.json"
            }
        auto: Any = transformers.AutoTokenizer
        tokenizer = auto.from_pretrained(source, local_files_only=True, trust_remote_code=False)
        if not isinstance(tokenizer, transformers.PreTrainedTokenizerBase):
            return _blame(source, TypeError(f"what it makes of them is a {type(tokenizer).__name__}"))
        whole: Any = tokenizer  # the stubs know no class with a fast form
        text = whole.backend_tokenizer.to_str() if tokenizer.is_fast else None
    except Exception as error:  # noqa: BLE001  # transformers raises errors of any type
        refuse_foreign(error)
        return _blame(source, error)
    if text is not None:
        (output / "tokenizer.json").write_text(text, encoding="utf-8")
    return {"fast": text is not None}


def _is_named(source: Path, known: Any) -> bool:
    found = {
        name: json.loads((source / name).read_bytes()) if (source / name).exists() else {}
        for name in ("tokenizer_config.json", "config.json")
    }
    kind = found["config.json"].get("model_type")
    named = any(settings.get("tokenizer_class") for settings in found.values())
    return named or (isinstance(kind, str) and kind in known)


def _blame(source: Path, error: Exception) -> dict[str, object]:
    """Return the package that is missing, if that explains the error, else the problem in words."""
    said = " ".join(str(error).replace(str(source), "the folder").split())
    if isinstance(error, ImportError):
        needed = _NEEDED.search(said)
        package = error.name or (needed[1] if needed else "")
        return {"package": package.partition(".")[0].lower() or "a package", "said": said}
    for path in sorted(source.iterdir()):
        if path.suffix in UNICODE_PIECES:
            for reader in READERS[_is_text(path)]:
                if not _is_installed(reader):
                    return {"package": INSTALLED_AS.get(reader, reader), "said": ""}
    return {"problem": f"{type(error).__name__}: {said[:300]}", "error": type(error).__name__}


def _is_text(path: Path) -> bool:
    """Tell whether the file has lines of base64 and a number, as tiktoken's have."""
    with path.open("rb") as file:
        return re.match(rb"[A-Za-z0-9+/=]+ \d+\r?\n", file.read(1000)) is not None


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ImportError:  # not even what it is in
        return False


if __name__ == "__main__":
    main()
