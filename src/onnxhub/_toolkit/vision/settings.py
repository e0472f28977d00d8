"""What becomes of an image before a model sees it, read from ``preprocessor_config.json``: known, or refused by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from onnxhub._strings.plain_text import plain, shorten
from onnxhub._toolkit.vision.pixels import CHANNELS, tabulate
from onnxhub._toolkit.vision.processors import PROCESSORS, find_processor
from onnxhub._toolkit.vision.sizes import divide, fit, keep_between, shorten_to
from onnxhub.errors import TaskMismatchError, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from onnxhub._contracts.protocols import ModelFiles
    from onnxhub._toolkit.vision.processors import Processor
    from onnxhub._toolkit.vision.sizes import Size

__all__ = ["ImageSettings", "read_image_settings"]

FILES: Final = ("preprocessor_config.json", "processor_config.json")
MOST_SIDE: Final = 16_384
"""Pixels of a side that a file may ask for."""
LEAST_NUMBER, MOST_NUMBER = 1e-6, 1e6
"""What pixels are multiplied and divided by: others would make zeros or infinity of them."""
CROPPED_BELOW: Final = 384
"""ConvNeXT's rule: from this size on an image is not cropped, but resized to a square."""
COMMON: Final = frozenset({"do_resize", "size", "resample", "do_rescale", "rescale_factor"})
"""Keys that every processor has."""
NORMALIZING: Final = frozenset({"do_normalize", "image_mean", "image_std"})
CROPPING: Final = frozenset({"do_center_crop", "crop_size"})
WITHOUT_EFFECT: Final = frozenset(
    [
        *("image_processor_type", "feature_extractor_type", "processor_class", "_processor_class", "auto_map"),
        *("do_convert_rgb", "default_to_square", "device", "disable_grouping", "return_tensors"),
        *("do_reduce_labels", "reduce_labels", "ignore_index", "num_labels", "class_info_file"),
        *("format", "do_convert_annotations", "return_segmentation_masks", "image_seq_length", "_valid_processor_keys"),
        *("transformers_version", "model_input_names"),
    ]
)
"""Keys that say nothing of pixels here: images are always made RGB, and there are no maps of labels or annotations."""
DEFAULTS: Final[Mapping[str, object]] = {"data_format": "channels_first", "input_data_format": None}
"""Keys that may have one value."""
PADDING: Final = frozenset({"do_pad", "pad_and_return_pixel_mask"})
"""Switches that change nothing where an image is alone, of a processor that pads to the largest of its batch."""
PADDED: Final = frozenset({"pad_size", "size_divisor"})
"""What others pad to."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageSettings:
    """The steps from an image to what the graph takes."""

    name: str
    """The image processor's class, such as ``"ViTImageProcessor"``."""
    table: NDArray[np.float32] = field(repr=False)
    """What each level of each channel becomes; see ``tabulate``."""
    resize: Callable[[Size], Size] | None = None
    """The size of an image to the one that it gets; None: it stays as it is."""
    resample: int = 2
    """Pillow's number of the filter."""
    crop: Size | None = None
    """Height and width that are cut out of the middle."""
    is_reversed: bool = False
    """Whether blue comes first."""


def read_image_settings(files: ModelFiles) -> ImageSettings:
    """Read what the model's image processor does.

    Raises:
        TaskMismatchError: There is no such file, its processor is not known here, or it has a key that may change pixels
            and is not known, or a value that makes no sense.
    """
    found = _find_settings(files)
    name, processor = _identify(files, found)
    # A key without a value is one that was left out: so files of transformers 5 have them.
    reader = _Reader(
        files.model_id, f"{name}ImageProcessor", processor, {k: v for k, v in found.items() if v is not None}
    )
    return reader.read()


def _find_settings(files: ModelFiles) -> Mapping[str, Any]:
    for name in FILES:
        found = files.json(name)
        nested = None if found is None else found.get("image_processor", found if name == FILES[0] else None)
        if isinstance(nested, dict):
            return nested
    timm = (
        "; its images are prepared by timm's rules, which are not read yet" if "pretrained_cfg" in files.config else ""
    )
    raise TaskMismatchError(files.model_id, "images", (f"it has no {FILES[0]}, which says how{timm}",))


def _identify(files: ModelFiles, found: Mapping[str, object]) -> tuple[str, Processor]:
    saved = found.get("image_processor_type") or found.get("feature_extractor_type")
    if saved is None:
        kind = files.config.get("model_type")
        known = next(((name, entry) for name, entry in PROCESSORS.items() if kind in entry.model_types), None)
        saved = f"none, for a model of type {shorten(kind)}"
    else:
        known = find_processor(saved) if isinstance(saved, str) else None
    if known is None:
        names = listing([f"{name}ImageProcessor" for name in PROCESSORS], most=len(PROCESSORS))
        raise TaskMismatchError(
            files.model_id, "images", (f"its image processor is {shorten(saved)}; known are {names}",)
        )
    return known


@dataclass(frozen=True, slots=True)
class _Reader:
    """The values of a file, for one class of processors."""

    model_id: str
    name: str
    processor: Processor
    found: Mapping[str, Any]

    def read(self) -> ImageSettings:
        self._check_keys()
        resize, crop = self._read_resize() if self._is_on("do_resize") else (None, None)
        if self.processor.crop is not None and self._is_on("do_center_crop", default=self.processor.is_cropped):
            crop = self._read_sides("crop_size", self.found.get("crop_size", self.processor.crop))
        return ImageSettings(
            name=self.name,
            table=self._read_table(),
            resize=resize,
            resample=self._read_number("resample", self.processor.resample, most=5),
            crop=crop,
            is_reversed="do_flip_channel_order" in self.processor.own_keys and self._is_on("do_flip_channel_order"),
        )

    def _check_keys(self) -> None:
        known = COMMON | WITHOUT_EFFECT | set(self.processor.own_keys)
        known |= NORMALIZING if self.processor.statistics else set()
        known |= CROPPING if self.processor.crop is not None else set()
        pads = self.processor.rule.startswith("bound")
        known |= PADDING if pads else set()
        others = frozenset() if pads else PADDED
        for key, value in self.found.items():
            is_default = key in DEFAULTS and value == DEFAULTS[key]
            # The parameters of a step that the class does not have, and that is not switched on, say nothing.
            is_idle = key in NORMALIZING | CROPPING | PADDING | others and not (key.startswith("do_") and value)
            if key not in known and not is_default and not is_idle:
                raise self._refuse(key, value, "which is not known, and may change pixels")

    def _read_resize(self) -> tuple[Callable[[Size], Size], Size | None]:
        """Return what sizes become, and what is cut out of the middle by the same rule."""
        processor, rule = self.processor, self.processor.rule
        if rule == "divide":
            return partial(divide, multiple=self._read_number("size_divisor", 32, least=1)), None
        size = self.found.get("size", processor.size)
        if rule == "fit":
            multiple = self._read_number("ensure_multiple_of", 1, least=1)
            keep = self._is_on("keep_aspect_ratio", default=False)
            return partial(fit, to=self._read_sides("size", size), keep_ratio=keep, multiple=multiple), None
        if rule.startswith("bound"):
            return self._read_bounds(size), None
        edge = self._read_edge(size)
        if rule == "crop_pct":
            return self._read_share(edge, size)
        if edge is None:
            return partial(_take, to=self._read_sides("size", size)), None
        return partial(shorten_to, edge=int((256 / 224) * edge) if rule == "levit" else edge), None

    def _read_share(self, edge: int | None, size: object) -> tuple[Callable[[Size], Size], Size | None]:
        """Return ConvNeXT's rule: resized to a little more, of which the middle is cut out; or to a large square."""
        if edge is None:
            raise self._refuse("size", size, "which is no shortest_edge")
        if edge >= CROPPED_BELOW:
            return partial(_take, to=(edge, edge)), None
        share = self._read_real("crop_pct", 224 / 256)
        return partial(shorten_to, edge=int(edge / share)), (edge, edge)

    def _read_bounds(self, size: object) -> Callable[[Size], Size]:
        """Return DETR's rule; a file of before 2023 has the shorter side alone, and the longer one beside it."""
        if isinstance(size, int) and "max_size" in self.processor.own_keys:
            size = {"shortest_edge": size, "longest_edge": self.found.get("max_size", 1333)}
        if isinstance(size, dict) and size.keys() == {"shortest_edge", "longest_edge"}:
            short, long = (self._check_side("size", size[key], size) for key in ("shortest_edge", "longest_edge"))
            return partial(
                keep_between, shortest=short, longest=long, multiple=16 if self.processor.rule == "bound16" else 1
            )
        if not isinstance(size, dict):
            raise self._refuse("size", size, "which is no shortest_edge and longest_edge")
        return partial(_take, to=self._read_sides("size", size))

    def _read_edge(self, size: object) -> int | None:
        """Return the shorter side that an image gets; None: its size is a height and a width."""
        if not self.processor.is_edge:
            return None
        if isinstance(size, dict) and size.keys() == {"shortest_edge"}:
            size = size["shortest_edge"]
        elif not isinstance(size, int):
            return None
        return self._check_side("size", size, size)

    def _read_sides(self, key: str, size: object) -> Size:
        """Return a height and a width."""
        if isinstance(size, dict) and size.keys() == {"height", "width"}:
            size = size["height"], size["width"]
        elif isinstance(size, int):
            size = size, size
        if not isinstance(size, list | tuple) or len(size) != 2:
            raise self._refuse(key, size, "which is no height and width")
        return self._check_side(key, size[0], size), self._check_side(key, size[1], size)

    def _check_side(self, key: str, side: object, shown: object) -> int:
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= MOST_SIDE:
            raise self._refuse(key, shown, f"and a side has 1 to {MOST_SIDE:,} pixels")
        return side

    def _read_table(self) -> NDArray[np.float32]:
        scale = self._read_real("rescale_factor", 1 / 255) if self._is_on("do_rescale") else None
        if self.processor.rule == "divide" and scale is not None:
            scale = 1 / 255  # GLPN asks nobody
        own, steps = self.processor.own_keys, []
        if self.processor.statistics is not None:
            mean = self._read_channels("image_mean", self.processor.statistics[0])
            deviation = self._read_channels("image_std", self.processor.statistics[1])
            if self._is_on("do_normalize", default=self.processor.is_normalized):
                steps.append((mean, deviation))
            if "include_top" in own and self._is_on("include_top"):
                steps.append(((0.0,) * CHANNELS, deviation))
        is_offset = "rescale_offset" in own and scale is not None and self._is_on("rescale_offset", default=False)
        return tabulate(scale, offset=-1.0 if is_offset else 0.0, normalizations=tuple(steps))

    def _read_channels(self, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
        value = self.found.get(key, default)
        numbers = [value] * CHANNELS if isinstance(value, int | float) else value
        is_three = isinstance(numbers, list | tuple) and len(numbers) == CHANNELS
        if not is_three or not all(_is_real(number) for number in numbers):
            raise self._refuse(key, value, f"and there are {CHANNELS} channels")
        if key == "image_std" and any(abs(number) < LEAST_NUMBER for number in numbers):
            raise self._refuse(key, value, "by which pixels cannot be divided")
        return tuple(float(number) for number in numbers)

    def _read_number(self, key: str, default: int, *, least: int = 0, most: int = MOST_SIDE) -> int:
        value = self.found.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self._refuse(key, value, f"and it is a whole number from {least} to {most:,}")
        return value

    def _read_real(self, key: str, default: float) -> float:
        value = self.found.get(key, default)
        if not _is_real(value) or value < LEAST_NUMBER:
            raise self._refuse(key, value, f"and it is a number from {LEAST_NUMBER:g} to {MOST_NUMBER:g}")
        return float(value)

    def _is_on(self, key: str, *, default: bool = True) -> bool:
        value = self.found.get(key, default)
        if not isinstance(value, bool):
            raise self._refuse(key, value, "and it is true or false")
        return value

    def _refuse(self, key: str, value: object, reason: str) -> TaskMismatchError:
        return TaskMismatchError(
            self.model_id, "images", (f"{self.name} has {plain(key, 100)} {shorten(value)}, {reason}",)
        )


def _take(size: Size, *, to: Size) -> Size:
    del size
    return to


def _is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST_NUMBER
