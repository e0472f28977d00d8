"""Progress bars: what they name is printable."""

from __future__ import annotations

import io
from inspect import signature

from huggingface_hub import hf_hub_download

from onnxhub.backend.progress import hub_bars
from tests.hostile import HOSTILE, orders_in


def test_the_bars_of_huggingface_hub_name_files_harmlessly() -> None:
    """Where it lets one choose their class; elsewhere there are no options, which it would refuse."""
    options = hub_bars()
    assert set(options) == {"tqdm_class"} & set(signature(hf_hub_download).parameters)
    for bar_class in options.values():
        stream = io.StringIO()
        bar_class(desc=HOSTILE, total=3, disable=False, file=stream).close()
        assert not orders_in(stream.getvalue().replace("\r", ""), lines=True)
        assert "PWNED" in stream.getvalue()
