"""The numerics of all postprocessors, against float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import onnxhub
from onnxhub._toolkit.numeric import l2_normalize, log_sum_exp, require_finite, require_usable
from onnxhub.errors import NonFiniteOutputError

LARGEST = float(np.finfo(np.float32).max)
logits = arrays(
    np.float32,
    array_shapes(min_dims=1, max_dims=3, max_side=6),
    elements=st.floats(-1e4, 1e4, width=32) | st.just(-math.inf),
)


def reference(row: list[float]) -> list[float]:
    """The definition, in Python's own double precision."""
    peak = max(row)
    if peak == -math.inf:
        return [0.0] * len(row)
    exponentials = [math.exp(value - peak) for value in row]
    return [value / math.fsum(exponentials) for value in exponentials]


@given(logits)
def test_softmax_is_the_definition(values: np.ndarray) -> None:
    """Every row is the float64 softmax, masked positions count for nothing, and an all-masked row is zeros."""
    result = onnxhub.softmax(values)
    assert result.dtype == np.float32
    expected = [reference(row) for row in values.reshape(-1, values.shape[-1]).astype(float).tolist()]
    np.testing.assert_allclose(result.reshape(-1, values.shape[-1]), expected, atol=1e-6, rtol=1e-5)


@given(logits, st.data())
def test_softmax_of_another_axis(values: np.ndarray, data: st.DataObject) -> None:
    """An axis is that axis, wherever it lies."""
    axis = data.draw(st.integers(-values.ndim, values.ndim - 1))
    expected = np.moveaxis(onnxhub.softmax(np.moveaxis(values, axis, -1)), -1, axis)
    np.testing.assert_allclose(onnxhub.softmax(values, axis=axis), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([LARGEST, 0.0], [1.0, 0.0]),
        ([LARGEST, LARGEST], [0.5, 0.5]),
        ([-LARGEST, -LARGEST], [0.5, 0.5]),
        ([LARGEST, -LARGEST], [1.0, 0.0]),
        ([5.0, -LARGEST], [1.0, 0.0]),
        ([7.0], [1.0]),
        ([-math.inf, -math.inf, -math.inf], [0.0, 0.0, 0.0]),
        ([-math.inf, 3.0], [0.0, 1.0]),
        ([], []),
    ],
)
def test_softmax_at_the_edges_of_float32(row: list[float], expected: list[float]) -> None:
    """Nothing overflows, and no warning is shown, whether a few numbers are given or rows of them."""
    assert onnxhub.softmax(row).tolist() == expected
    assert onnxhub.softmax([row, row]).tolist() == [expected, expected]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_softmax_keeps_what_is_not_finite_to_be_found(bad: float) -> None:
    """NaN and infinity spoil their own row alone, without a warning, and `require_finite` refuses them."""
    result = onnxhub.softmax([[0.0, bad], [0.0, 0.0]])
    assert result[1].tolist() == [0.5, 0.5]
    for broken in (result, onnxhub.softmax([0.0, bad]), onnxhub.softmax([bad, 0.0])):
        with pytest.raises(NonFiniteOutputError):
            require_finite(broken)


def test_softmax_of_half_precision_is_float32() -> None:
    """Half-precision logits are not summed in half precision."""
    row = np.zeros(5000, np.float16)
    np.testing.assert_allclose(onnxhub.softmax(row).sum(), 1, atol=1e-5)


@given(arrays(np.float32, array_shapes(max_dims=2), elements=st.floats(width=32, allow_nan=False)))
def test_sigmoid_is_the_definition(values: np.ndarray) -> None:
    """Every value is the float64 logistic function, at both ends of float32 too, without a warning."""
    expected = [1 / (1 + math.exp(-value)) if value >= -700 else 0.0 for value in values.ravel().tolist()]
    result = onnxhub.sigmoid(values)
    assert result.dtype == np.float32
    assert result.shape == values.shape
    np.testing.assert_allclose(result.ravel(), expected, rtol=1e-5, atol=1e-37)


def test_sigmoid_keeps_nan() -> None:
    """NaN stays NaN, for `require_finite` to find."""
    assert np.isnan(onnxhub.sigmoid([math.nan])).all()


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=st.floats(-80, 80, width=32) | st.just(-math.inf),
    )
)
def test_log_sum_exp_is_over_all_axes(values: np.ndarray) -> None:
    """The logarithm of the softmax's denominator; of nothing but masked values, minus infinity."""
    total = math.fsum(math.exp(value) for value in values.astype(float).ravel().tolist())
    expected = math.log(total) if total else -math.inf
    np.testing.assert_allclose(log_sum_exp(values), expected, rtol=1e-5, atol=1e-5)


def test_log_sum_exp_of_far_values() -> None:
    """What would overflow as an exponential is no more than a large logarithm."""
    np.testing.assert_allclose(log_sum_exp(np.array([1000, 0, -1000], np.float32)), 1000)


def test_log_sum_exp_keeps_nan() -> None:
    """NaN stays NaN."""
    assert np.isnan(log_sum_exp(np.array([0, math.nan], np.float32)))


def test_l2_normalize() -> None:
    """Vectors get length 1, and a zero vector stays zero."""
    result = l2_normalize(np.array([[3, 4], [0, 0]], np.float32))
    np.testing.assert_allclose(result, [[0.6, 0.8], [0, 0]], atol=1e-7)


@pytest.mark.parametrize("large", [3e19, LARGEST])
def test_l2_normalize_of_large_numbers(large: float) -> None:
    """Vectors whose squares are beyond float32 get length 1, too, without a warning; others keep their bits."""
    assert l2_normalize(np.array([large, -large], np.float32)).tolist() == pytest.approx([0.5**0.5, -(0.5**0.5)])
    usual = np.array([0.1, 0.7], np.float32)
    result = l2_normalize(np.stack([np.array([large, 0], np.float32), usual]))
    assert result.tolist() == [[1, 0], l2_normalize(usual).tolist()]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_require_finite_refuses_and_says_what(bad: float) -> None:
    """`require_finite` gives back what is finite, and names what is not."""
    good = np.zeros(3, np.float32)
    assert require_finite(good) is good
    with pytest.raises(NonFiniteOutputError, match="NaN or infinite embeddings"):
        require_finite(np.array([0, bad], np.float32), "embeddings")


@pytest.mark.parametrize("size", [2, 50])
@pytest.mark.parametrize("bad", [[math.nan], [math.inf], [math.inf, -math.inf], None])
def test_require_usable_refuses_what_scores_would_hide(size: int, bad: list[float] | None) -> None:
    """NaN, infinity and a row of -inf alone are refused, in one row or among others; a masked label is none of these."""
    row = np.full(size, -np.inf, np.float32)
    if bad is not None:
        row[:] = 0
        row[-len(bad) :] = bad
    for broken in (row, row[::-1], np.stack([np.zeros(size, np.float32), row])):
        with pytest.raises(NonFiniteOutputError, match="NaN or infinite logits"):
            require_usable(broken)
    masked = np.full(size, -np.inf, np.float32)
    masked[1] = 0
    assert require_usable(masked) is masked
