"""The image processors of transformers that are known here: what each resizes by, and what it takes for granted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Rule = Literal["sides", "crop_pct", "levit", "bound", "bound16", "fit", "divide"]
"""To a height and a width or to a shorter side; to that and a little more, which is cropped or not; between two bounds, in
multiples of 16 or not; to the nearest size in multiples; or down to multiples."""

__all__ = ["PROCESSORS", "Processor", "find_processor"]

NEAREST, BILINEAR, BICUBIC = 0, 2, 3
"""Pillow's numbers of its filters, as files have them."""
HALF: Final = (0.5, 0.5, 0.5)
CLIP: Final = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET: Final = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STANDARD: Final = (HALF, HALF)
BOUNDS: Final = {"shortest_edge": 800, "longest_edge": 1333}


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """One class of image processors; what a file leaves out is as it says here."""

    rule: Rule
    """How it resizes."""
    size: int | Mapping[str, int] = 224
    """As files have it: a number, or sides by their names."""
    is_edge: bool = False
    """Whether it takes a shorter side alone, which a size of one number then is; else that is the height and the width."""
    crop: int | None = None
    """Height and width that are cut out of the middle; None: it cannot crop."""
    is_cropped: bool = False
    """Whether it crops if the file does not say."""
    resample: int = BILINEAR
    statistics: tuple[tuple[float, ...], tuple[float, ...]] | None = STANDARD
    """Mean and standard deviation of the channels; None: it does not normalise."""
    is_normalized: bool = True
    """Whether it normalises if the file does not say."""
    own_keys: tuple[str, ...] = ()
    """Keys that only this class has, and that change pixels."""
    model_types: tuple[str, ...] = ()
    """Values of ``model_type`` in ``config.json`` whose processor it is, where no file says so."""


_DETR: Final = Processor(rule="bound", size=BOUNDS, statistics=IMAGENET, own_keys=("max_size",))
_CLIP: Final = Processor(rule="sides", is_edge=True, crop=224, is_cropped=True, resample=BICUBIC, statistics=CLIP)

PROCESSORS: Final[Mapping[str, Processor]] = {
    "Beit": Processor(
        rule="sides",
        size=256,
        crop=224,
        is_cropped=True,
        resample=BICUBIC,
        model_types=("beit", "data2vec-vision"),
    ),
    "Bit": replace(_CLIP, model_types=("bit", "dinov2", "focalnet", "hiera")),
    "Blip": Processor(rule="sides", size=384, resample=BICUBIC, statistics=CLIP, model_types=("blip",)),
    "CLIP": replace(_CLIP, model_types=("clip", "clip_vision_model", "groupvit", "metaclip_2", "mlcd", "xclip")),
    "ConditionalDetr": replace(_DETR, model_types=("conditional_detr",)),
    "ConvNext": Processor(
        rule="crop_pct",
        size=384,
        is_edge=True,
        own_keys=("crop_pct",),
        model_types=("convnext", "convnextv2", "cvt", "regnet", "resnet", "van"),
    ),
    "DPT": Processor(
        rule="fit",
        size=384,
        resample=BICUBIC,
        own_keys=("keep_aspect_ratio", "ensure_multiple_of"),
        model_types=("dpt", "depth_anything"),
    ),
    "DeformableDetr": replace(_DETR, model_types=("deformable_detr",)),
    "DeiT": Processor(rule="sides", size=256, crop=224, is_cropped=True, resample=BICUBIC, model_types=("deit",)),
    "Detr": replace(_DETR, model_types=("detr", "table-transformer")),
    "EfficientNet": Processor(
        rule="sides",
        size=346,
        crop=289,
        resample=NEAREST,
        own_keys=("rescale_offset", "include_top"),
        model_types=("efficientnet", "align"),
    ),
    "GLPN": Processor(rule="divide", statistics=None, own_keys=("size_divisor",), model_types=("glpn",)),
    "Levit": Processor(
        rule="levit",
        is_edge=True,
        crop=224,
        is_cropped=True,
        resample=BICUBIC,
        statistics=IMAGENET,
        model_types=("levit",),
    ),
    "MobileNetV1": Processor(
        rule="sides", size=256, is_edge=True, crop=224, is_cropped=True, model_types=("mobilenet_v1",)
    ),
    "MobileNetV2": Processor(
        rule="sides", size=256, is_edge=True, crop=224, is_cropped=True, model_types=("mobilenet_v2",)
    ),
    "MobileViT": Processor(
        rule="sides",
        is_edge=True,
        crop=256,
        is_cropped=True,
        statistics=None,
        own_keys=("do_flip_channel_order",),
        model_types=("mobilevit", "mobilevitv2"),
    ),
    "Pvt": Processor(rule="sides", statistics=IMAGENET, model_types=("pvt", "pvt_v2")),
    "RTDetr": Processor(
        rule="bound",
        size={"height": 640, "width": 640},
        statistics=IMAGENET,
        is_normalized=False,
        model_types=("rt_detr", "rt_detr_v2"),
    ),
    "Segformer": Processor(rule="sides", size=512, statistics=IMAGENET, model_types=("segformer", "upernet")),
    "Siglip": Processor(rule="sides", resample=BICUBIC, model_types=("siglip",)),
    "ViT": Processor(
        rule="sides",
        model_types=(
            *("vit", "vit_mae", "vit_msn", "swin", "swinv2", "swiftformer"),
            *("dinat", "nat", "ijepa", "clipseg", "mgp-str"),
        ),
    ),
    "Yolos": replace(_DETR, rule="bound16", model_types=("yolos",)),
}
"""Name of a class without its end -> the class."""

_ENDINGS: Final = ("Fast", "Pil", "ImageProcessor", "FeatureExtractor")


def find_processor(name: str) -> tuple[str, Processor] | None:
    """Return the processor of a class's name, whichever form of it was saved; None of one that is not known here."""
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    found = PROCESSORS.get(name)
    return None if found is None else (name, found)
