"""Which ONNX file runs, from nothing but the listing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnxhub import errors
from onnxhub._backend.files.variants import Choice, choose_file

TRANSFORMERS_JS = {
    "fp32": "onnx/model.onnx",
    "fp16": "onnx/model_fp16.onnx",
    "q8": "onnx/model_quantized.onnx",
    "int8": "onnx/model_int8.onnx",
    "uint8": "onnx/model_uint8.onnx",
    "q4": "onnx/model_q4.onnx",
    "q4f16": "onnx/model_q4f16.onnx",
    "bnb4": "onnx/model_bnb4.onnx",
    "q2": "onnx/model_q2.onnx",
    "q2f16": "onnx/model_q2f16.onnx",
    "q1": "onnx/model_q1.onnx",
    "q1f16": "onnx/model_q1f16.onnx",
}
SENTENCE_TRANSFORMERS = (
    "onnx/model.onnx",
    "onnx/model_O1.onnx",
    "onnx/model_O2.onnx",
    "onnx/model_O3.onnx",
    "onnx/model_O4.onnx",
    "onnx/model_qint8_arm64.onnx",
    "onnx/model_qint8_avx512.onnx",
    "onnx/model_qint8_avx512_vnni.onnx",
    "onnx/model_quint8_avx2.onnx",
    "openvino/openvino_model.xml",
)


def chosen(*files: str, dtype: str = "auto", file: str | None = None, gpu: bool = False, base: str = "model") -> str:
    """The file that is chosen in a repository of these files."""
    return choose_file("org/name", files, dtype=dtype, file=file, gpu=gpu, base=base).file


@pytest.mark.parametrize(("dtype", "file"), TRANSFORMERS_JS.items())
def test_every_dtype_of_transformers_js_finds_its_file(dtype: str, file: str) -> None:
    """The suffix table is that of transformers.js, q8 being ``_quantized``."""
    choice = choose_file("org/name", TRANSFORMERS_JS.values(), dtype=dtype)
    assert choice == Choice(file, dtype, f"dtype={dtype!r} was asked for")


@pytest.mark.parametrize(
    ("spelling", "file"),
    [
        ("quantized", "onnx/model_quantized.onnx"),
        ("float32", "onnx/model.onnx"),
        ("float16", "onnx/model_fp16.onnx"),
        ("FP16", "onnx/model_fp16.onnx"),
        ("o3", "onnx/model_O3.onnx"),
        ("qint8_avx512", "onnx/model_qint8_avx512.onnx"),
        ("int8_dynamic", "onnx/model_INT8_dynamic.onnx"),
    ],
)
def test_other_spellings_and_dtypes_that_only_this_repository_has(spelling: str, file: str) -> None:
    """Aliases and any case are understood, and so is the name of an unusual variant."""
    files = {*TRANSFORMERS_JS.values(), *SENTENCE_TRANSFORMERS, "onnx/model_INT8_dynamic.onnx"}
    assert chosen(*files, dtype=spelling) == file


@pytest.mark.parametrize(
    ("files", "gpu", "expected", "reason"),
    [
        (tuple(TRANSFORMERS_JS.values()), False, "onnx/model.onnx", "the repository's full-precision file"),
        (tuple(TRANSFORMERS_JS.values()), True, "onnx/model_fp16.onnx", "half precision, since the provider is a GPU"),
        (SENTENCE_TRANSFORMERS, False, "onnx/model.onnx", "the repository's full-precision file"),
        (SENTENCE_TRANSFORMERS, True, "onnx/model.onnx", "the repository's full-precision file"),
        (("model.onnx", "model_quantized.onnx"), False, "model.onnx", "the repository's full-precision file"),
        (("model_optimized.onnx", "config.json"), False, "model_optimized.onnx", "the repository's only ONNX model"),
        (("onnx/model_quantized.onnx",), False, "onnx/model_quantized.onnx", "the repository's only ONNX model"),
        (("my-model.onnx", "tokenizer.json"), False, "my-model.onnx", "the repository's only ONNX model"),
        (
            ("onnx/model.onnx", "unet/model.onnx"),
            False,
            "onnx/model.onnx",
            "the only ONNX file of 'model' in the root and onnx/",
        ),
        (("model.onnx", "other.onnx"), False, "model.onnx", "the only ONNX file of 'model' in the root and onnx/"),
        (("tag.onnx", "tag.int8.onnx", "tag-q4.onnx"), False, "tag.onnx", "the repository's full-precision file"),
    ],
)
def test_auto(files: tuple[str, ...], gpu: bool, expected: str, reason: str) -> None:
    """Auto is fp32, or fp16 on a GPU, or the only variant, and says why."""
    choice = choose_file("org/name", files, gpu=gpu)
    assert (choice.file, choice.reason) == (expected, reason)


@pytest.mark.parametrize(
    ("files", "dtype", "candidates"),
    [
        (("model.onnx", "onnx/model.onnx"), "auto", ("model.onnx", "onnx/model.onnx")),
        (("model.onnx", "onnx/model.onnx"), "fp32", ("model.onnx", "onnx/model.onnx")),
        (("model_q4.onnx", "model_bnb4.onnx"), "auto", ("model_bnb4.onnx", "model_q4.onnx")),
        (("model_O1.onnx", "model_O2.onnx"), "auto", ("model_O1.onnx", "model_O2.onnx")),
        (("a.onnx", "b.onnx"), "auto", ("a.onnx", "b.onnx")),
        (("a_int8.onnx", "b.onnx"), "auto", ("a_int8.onnx", "b.onnx")),
        (("a.int8.onnx", "a.onnx", "b.int8.onnx", "b.onnx"), "auto", ("a.onnx", "b.onnx")),
        (("a.int8.onnx", "a.onnx", "b.int8.onnx", "b.onnx"), "int8", ("a.int8.onnx", "b.int8.onnx")),
        (("model_v8.onnx", "other.onnx", "third.onnx"), "auto", ("model_v8.onnx", "other.onnx", "third.onnx")),
        (
            SENTENCE_TRANSFORMERS,
            "int8",
            ("onnx/model_qint8_arm64.onnx", "onnx/model_qint8_avx512.onnx", "onnx/model_qint8_avx512_vnni.onnx"),
        ),
    ],
)
def test_several_that_fit_are_an_error(files: tuple[str, ...], dtype: str, candidates: tuple[str, ...]) -> None:
    """Nothing is picked by order, by luck or by processor: the candidates are listed."""
    with pytest.raises(errors.AmbiguousFileError) as raised:
        chosen(*files, dtype=dtype)
    assert raised.value.candidates == candidates


@pytest.mark.parametrize("separator", "._-")
@pytest.mark.parametrize("base", ["model", "rawi", "onnx/my-model.v2", "model_v8"])
def test_a_variant_of_a_model_of_any_name(base: str, separator: str) -> None:
    """The precision may stand behind a dot, an underscore or a hyphen, and the model may have any name."""
    files = (f"{base}.onnx", f"{base}{separator}int8.onnx", f"{base}{separator}fp16.onnx")
    assert chosen(*files) == f"{base}.onnx"
    for dtype in ("int8", "fp16"):
        assert choose_file("org/name", files, dtype=dtype) == Choice(
            f"{base}{separator}{dtype}.onnx", dtype, f"dtype={dtype!r} was asked for"
        )


@pytest.mark.parametrize("name", ["model_v8", "tagger_final", "my-q8-model", "bert-base-2024", "model_v2.1"])
def test_a_suffix_that_tells_no_precision_is_no_dtype(name: str) -> None:
    """It belongs to the model's name: a single file of that name is taken for full precision until its graph is read."""
    assert choose_file("org/name", [f"{name}.onnx"]).dtype == "fp32"
    with pytest.raises(errors.InvalidOptionError, match="org/name has fp32"):
        chosen(f"{name}.onnx", dtype="v8")


def test_file_settles_what_is_ambiguous() -> None:
    """``file=`` takes any ONNX file of the repository, in any folder, with the dtype that its name tells."""
    files = ("model.onnx", "onnx/model.onnx", "v2/deep/model_q4.onnx")
    assert chosen(*files, file="onnx/model.onnx") == "onnx/model.onnx"
    assert chosen(*files, file="./onnx/model.onnx", dtype="q8") == "onnx/model.onnx"
    assert choose_file("org/name", files, file="v2/deep/model_q4.onnx").dtype == "q4"
    assert choose_file("org/name", ["text_encoder_quantized.onnx"], file="text_encoder_quantized.onnx").dtype == "q8"


def test_a_file_for_one_processor_stands_in_where_it_is_alone() -> None:
    """dtype="uint8" finds the only uint8 file of sentence-transformers."""
    assert chosen(*SENTENCE_TRANSFORMERS, dtype="uint8") == "onnx/model_quint8_avx2.onnx"


@pytest.mark.parametrize(
    ("dtype", "file", "wanted"),
    [
        ("bnb4", None, "dtype='bnb4'"),
        ("q8", None, "dtype='q8'"),
        ("auto", "onnx/model_q8.onnx", "file='onnx/model_q8.onnx'"),
        ("auto", "config.json", "file='config.json'"),
    ],
)
def test_a_variant_that_is_missing(dtype: str, file: str | None, wanted: str) -> None:
    """The error lists the variants that exist with their dtypes."""
    files = ("onnx/model.onnx", "onnx/model_q4.onnx", "config.json")
    with pytest.raises(errors.VariantNotFoundError) as raised:
        chosen(*files, dtype=dtype, file=file)
    assert raised.value.variants == ("onnx/model.onnx (fp32)", "onnx/model_q4.onnx (q4)")
    assert raised.value.wanted == wanted


def test_an_unknown_dtype_names_the_nearest() -> None:
    """A typing mistake is told from a variant that is missing; the repository's own dtypes are named."""
    with pytest.raises(errors.InvalidOptionError, match=r"org/name has fp32, q4\) \(did you mean 'fp16'"):
        chosen("model.onnx", "model_q4.onnx", dtype="pf16")
    with pytest.raises(errors.InvalidOptionError):
        chosen("model.onnx", dtype=16)  # type: ignore[arg-type]  # what a caller may do


def test_ort_files_are_refused_and_never_chosen() -> None:
    """ONNX Runtime's own format is a second parser to attack."""
    with pytest.raises(errors.UnsafeModelError):
        chosen("model.onnx", "model.ort", file="model.ort")
    with pytest.raises(errors.NoOnnxFileError):
        chosen("model.ort")


def test_no_onnx_file() -> None:
    """The error lists what is there, and says how it is converted."""
    with pytest.raises(errors.NoOnnxFileError, match="export='auto' converts") as raised:
        chosen("pytorch_model.bin", "config.json")
    assert raised.value.files == ("config.json", "pytorch_model.bin")


def test_the_parts_of_a_larger_model_are_not_one_model() -> None:
    """An encoder-decoder repository is told as such, and its parts are chosen by their base."""
    files = ("onnx/encoder_model.onnx", "onnx/encoder_model_quantized.onnx", "onnx/decoder_model_merged.onnx")
    with pytest.raises(errors.VariantNotFoundError, match="parts of a larger one") as raised:
        chosen(*files)
    assert raised.value.variants[1] == "onnx/encoder_model.onnx (fp32)"
    assert chosen(*files, base="encoder_model", dtype="q8") == "onnx/encoder_model_quantized.onnx"
    assert chosen(*files, base="decoder_model_merged") == "onnx/decoder_model_merged.onnx"
    with pytest.raises(errors.VariantNotFoundError, match="vision_encoder in its root or onnx/"):
        chosen(*files, base="vision_encoder")


def test_the_stages_of_transformers_own_exporter_are_named() -> None:
    """Neither is the whole model; each may be asked for, and one alone is a model of that name."""
    files = ["export.json", "prefill.onnx", "prefill.onnx.data", "decode.onnx", "decode.onnx.data"]
    with pytest.raises(errors.VariantNotFoundError, match="prefill and decode are what transformers' own exporter"):
        choose_file("org/name", files)
    assert choose_file("org/name", files, file="prefill.onnx").file == "prefill.onnx"
    assert choose_file("org/name", files[3:]).file == "decode.onnx"


def test_models_in_several_other_folders_need_file() -> None:
    """Beside the root and ``onnx/``, only the one folder that has any ONNX file; the error says what to pass."""
    with pytest.raises(
        errors.VariantNotFoundError, match=r"its root or onnx/.*file='unet/model.onnx' loads one from elsewhere"
    ):
        chosen("vae/model.onnx", "unet/model.onnx")
    assert chosen("unet/model.onnx") == "unet/model.onnx"
    assert chosen("unet/model.onnx", "unet/model_int8.onnx", dtype="int8") == "unet/model_int8.onnx"
    assert chosen("model.onnx", "unet/model_int8.onnx") == "model.onnx"


@given(st.permutations([*TRANSFORMERS_JS.values(), "config.json"]), st.sampled_from(["auto", *TRANSFORMERS_JS]))
def test_the_order_of_the_listing_does_not_matter(files: list[str], dtype: str) -> None:
    """Whatever order a listing has, the choice is the same."""
    assert chosen(*files, dtype=dtype) == TRANSFORMERS_JS["fp32" if dtype == "auto" else dtype]


@given(
    st.sets(st.sampled_from([*TRANSFORMERS_JS.values(), *SENTENCE_TRANSFORMERS, "model.onnx", "a/b.onnx"])),
    st.sampled_from(["auto", "O2", *TRANSFORMERS_JS]),
    st.booleans(),
)
def test_a_file_of_the_listing_or_an_error_of_the_tree(files: set[str], dtype: str, gpu: bool) -> None:
    """Whatever a repository holds, the answer is one of its ONNX files or an error that can be caught."""
    try:
        choice = choose_file("org/name", files, dtype=dtype, gpu=gpu)
    except errors.OnnxHubError as exc:
        assert str(exc)
    else:
        assert choice.file in files
        assert dtype in ("auto", choice.dtype) or choice.dtype.startswith(("qint8", "quint8"))
