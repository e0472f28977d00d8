"""Check the words of the library's code: functions are verbs, values are named for what they are.

    python -m tools.words [FOLDER]

Three rules, each counted over all modules of ``src/onnxhub``:

- A function is named by a past participle (``_made``, ``opened_file``) if the first word of its name is one: it ends in
  "ed" and is no verb of ``VERBS_IN_ED``, or it is one of ``IRREGULAR``. Properties, which are nouns, magic methods and
  overloads do not count. At most 2.5 % of the functions may have such a name.
- No variable, argument or loop target is called ``one``.
- No line is taken out of the formatter's hands by ``# fmt: skip`` or ``# fmt: off``.

Every finding is a line of standard output, and the exit code is 1 if a rule is broken.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Findings", "check_module", "is_participle", "main"]

SOURCE: Final = Path(__file__).resolve().parent.parent / "src" / "onnxhub"
MOST_PARTICIPLES: Final = 0.025
"""The share of the functions that may be named by a participle."""
VERBS_IN_ED: Final = frozenset("bed bleed breed embed exceed feed need proceed seed shed shred speed succeed".split())
IRREGULAR: Final = frozenset(
    "been begun bound bought broken brought built caught chosen dealt done drawn driven fallen felt forgotten found "
    "given gone gotten grown heard held hidden kept known laid lent lost made meant met overridden paid proven rebuilt "
    "rewritten said seen sent shown sold sought spent spoken stolen stood stricken struck sworn taken taught thought "
    "thrown told torn understood undone woken won worn wound woven written".split()
)
"""Participles that do not end in "ed". Left out are those that look like their verb (cut, put, read, run, set, split)."""
NOUN_DECORATORS: Final = frozenset({"property", "cached_property", "setter", "getter", "deleter", "overload"})


@dataclass(frozen=True)
class Findings:
    """What breaks the rules in one or more modules; each finding is ``(line, name)``."""

    functions: int = 0
    """How many there are, without properties, magic methods and overloads."""
    participles: tuple[tuple[int, str], ...] = ()
    ones: tuple[tuple[int, str], ...] = ()
    skips: tuple[tuple[int, str], ...] = ()


def is_participle(name: str) -> bool:
    """Return whether the first word of a function's name is a past participle."""
    word = name.strip("_").partition("_")[0].lower()
    return word in IRREGULAR or (word.endswith("ed") and word not in VERBS_IN_ED)


def check_module(text: str) -> Findings:
    """Return what a module's source has against the rules."""
    tree = ast.parse(text)
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not (node.name.startswith("__") and node.name.endswith("__"))
        and NOUN_DECORATORS.isdisjoint(_last_names(node.decorator_list))
    ]
    return Findings(
        functions=len(functions),
        participles=tuple((node.lineno, node.name) for node in functions if is_participle(node.name)),
        ones=tuple((line, name) for line, name in _find_bindings(tree) if name == "one"),
        skips=tuple(
            (token.start[0], token.string)
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT and any(mark in token.string for mark in ("fmt: skip", "fmt: off"))
        ),
    )


def main(folder: Path = SOURCE) -> int:
    """Print every finding and the three sums; return 1 if a rule is broken, else 0."""
    found = {path: check_module(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))}
    for path, findings in found.items():
        for kind, entries in (("participle", findings.participles), ("one", findings.ones), ("fmt", findings.skips)):
            for line, name in entries:
                print(f"{path.relative_to(folder)}:{line}: {kind}: {name}")
    functions = sum(findings.functions for findings in found.values())
    participles, ones, skips = (
        sum(len(getattr(findings, field)) for findings in found.values()) for field in ("participles", "ones", "skips")
    )
    share = participles / max(functions, 1)
    print(
        f"{participles} of {functions} functions are named by a participle ({share:.1%}; {MOST_PARTICIPLES:.1%} may be), "
        f"{ones} variables are called one (0 may be), {skips} lines are not formatted (0 may be)"
    )
    return int(share > MOST_PARTICIPLES or ones > 0 or skips > 0)


def _last_names(decorators: Iterable[ast.expr]) -> Iterator[str]:
    """Yield the last name of each decorator: ``setter`` of ``@size.setter``."""
    for decorator in decorators:
        yield ast.unparse(decorator).partition("(")[0].rpartition(".")[2]


def _find_bindings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name wherever code names a value: assignments, loops, arguments, patterns, caught errors."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name is not None:
            yield node.lineno, node.name


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
