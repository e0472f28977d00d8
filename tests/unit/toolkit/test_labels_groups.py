"""Runs of labels that are one entity, whatever scheme they are written in."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from onnxhub._toolkit.labels import group

TYPES = st.sampled_from(["PER", "LOC", "work-of-art", "E-MAIL", "B", "I-95"])
SCHEMES = {"BIO": ("B", "I", "I", "B"), "BIOES": ("B", "I", "E", "S"), "BILOU": ("B", "I", "L", "U")}
entities = st.lists(st.tuples(TYPES | st.none(), st.integers(1, 4)), max_size=12)


@given(entities, st.sampled_from(sorted(SCHEMES)))
def test_tagged_labels_are_read_back(spans: list[tuple[str | None, int]], scheme: str) -> None:
    """What is written in a scheme, neighbours of one type too, comes out as it was."""
    begin, inside, end, single = SCHEMES[scheme]
    labels, expected = [], []
    for kind, size in spans:
        first = len(labels)
        if kind is None:
            labels += ["O"] * size
            continue
        tags = [single] if size == 1 else [begin, *[inside] * (size - 2), end]
        labels += [f"{tag}-{kind}" for tag in tags]
        expected.append((kind, first, len(labels)))
    known = [
        "O",
        *(
            f"{tag}-{kind}"
            for tag in set(SCHEMES[scheme])
            for kind in ("PER", "LOC", "work-of-art", "E-MAIL", "B", "I-95")
        ),
    ]
    assert [one for one in group(labels, known) if one[0] != "O"] == expected


@given(entities, st.sampled_from(["PER-FIRST", "work-of-art"]))
def test_plain_labels_are_runs(spans: list[tuple[str | None, int]], plain: str) -> None:
    """One dashed label without a tag makes all labels plain: an entity is a run of one label."""
    labels = [plain if kind is None else f"B-{kind}" for kind, size in spans for _ in range(size)]
    known = [plain, "X", *(f"B-{kind}" for kind in ("PER", "LOC", "work-of-art", "E-MAIL", "B", "I-95"))]
    expected, start = [], 0
    for label, run in itertools.groupby(labels):
        size = len(list(run))
        expected.append((label, start, start + size))
        start += size
    assert list(group(labels, known)) == expected


@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "E-A", "S-A", "I-B-C", "B-B-C"]), max_size=20))
def test_groups_lose_nothing(labels: list[str]) -> None:
    """Any sequence, well-formed or not, is cut into runs that follow each other and have one type each."""
    groups = list(group(labels, ["O", "B-A", "I-A", "E-A", "S-A", "I-B-C", "B-B-C"]))
    assert [index for _, first, stop in groups for index in range(first, stop)] == list(range(len(labels)))
    for kind, first, stop in groups:
        assert first < stop
        assert {label if label == "O" else label[2:] for label in labels[first:stop]} == {kind}
