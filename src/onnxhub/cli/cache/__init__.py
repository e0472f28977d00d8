"""``onnxhub cache``: what is kept on this machine, one file a command."""

from __future__ import annotations

from onnxhub.cli.cache.clear import clear
from onnxhub.cli.cache.ls import ls
from onnxhub.cli.cache.prune import prune
from onnxhub.cli.cache.refresh import refresh
from onnxhub.cli.cache.verify import verify

__all__ = ["COMMANDS"]

COMMANDS = (ls, verify, refresh, prune, clear)
