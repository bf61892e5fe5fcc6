"""What the fits of a process share: the devices, and the images on them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from glyphline.params import Params, overlay
from glyphline.params.model import PRETRAINED
from glyphline.params.train import TuneBackbone
from glyphline.training import device
from glyphline.training.checks import check_data
from glyphline.training.device import Device
from glyphline.training.features import FeatureFolders, read
from glyphline.training.heads import FeatureContext
from glyphline.training.images import ImageSource, Resident, Streamed
from glyphline.training.keras_import import is_tensorflow
from glyphline.training.networks import Network, build, check_network
from glyphline.training.networks.pretrained import is_depthwise
from glyphline.values import Split


@dataclass(frozen=True, slots=True)
class FitContext:
    """What any number of fits in one process share.

    Attributes:
        device: hardware, precision and compilation.
        train: the training images, on the device or streaming to it.
        val: the validation split.
        project: folder that holds the user's own network, if there is one.
        strategy: TensorFlow's, for several devices; None for one.
        features: where a pretrained network is to learn as a whole, what its heads begin from.
    """

    device: Device
    train: ImageSource
    val: Split
    project: Path | None = None
    strategy: Any = None
    features: FeatureContext | None = None

    def tags(self) -> dict[str, str]:
        """As a run shows it."""
        return {**self.device.tags(), **(self.features.backbone_tags() if self.features else {})}

    def network(self, params: Params, *, policy: str = "float32") -> Network:
        """A new network of these parameters for the images; a pretrained one has its published weights.

        Raises:
            TrainingError: it cannot be built.
        """
        split = self.train.split
        backbone = partial(self.features.backbone, params.model.backbone) if self.features else None
        return build(
            params, split.image_shape, len(split.classes), policy=policy, project=self.project, backbone=backbone
        )

    def scope(self) -> AbstractContextManager[Any]:
        """Where the variables of a fit are made."""
        return _scope(self.strategy)


def prepare(
    params: Params,
    train: Split,
    val: Split,
    *,
    project: Path | None = None,
    device_ids: Sequence[str] = (),
    features: FeatureFolders | None = None,
    also_tuned: Sequence[TuneBackbone] = (),
) -> FitContext | FeatureContext:
    """Load Keras, take the devices and put the training images there, or open them for streaming.

    Where a backbone's features are used and it is not to learn itself, read those instead: a head needs no more.

    Args:
        params: sections `model` and `train`. A network that cannot be built is refused here, before a search fails
            with each of its trials.
        train: the training split.
        val: the validation split.
        project: folder that holds the user's own network, if there is one.
        device_ids: TensorFlow's names of the devices to train on; empty takes all GPUs, else the processor.
        features: where the features are; needed with `model.kind: pretrained`.
        also_tuned: the values of `train.tune_backbone` that fits may have besides that of `params`.

    Raises:
        ArtifactError: the features are missing or damaged, or were computed from other images.
        TrainingError: the machine cannot do what `params` ask for, or data and network do not go together.
    """
    known, tuned = None, {params.train.tune_backbone, *also_tuned}
    if params.model.kind == PRETRAINED:
        assert features is not None
        check_data(params, train, val)
        known = read(features, train, val)
        if tuned == {"none"}:
            return known
    hardware = device.detect(deterministic=params.train.deterministic, gpu_memory_mb=params.train.gpu_memory_mb)
    backbone = known and known.backbone(params.model.backbone)
    depthwise = backbone is not None and is_depthwise(backbone)
    chosen_device = device.choose(params.train, hardware, device_ids, depthwise=depthwise)
    check_data(params, train, val)
    for wanted in tuned:
        candidate = overlay(params, {"train.tune_backbone": wanted})
        check_network(candidate, train.image_shape, len(train.classes), project, backbone)
    strategy = None
    if is_tensorflow():
        from glyphline.training import tensorflow_backend

        strategy = tensorflow_backend.strategy(chosen_device.device_ids)
    streams = train.images.nbytes > params.train.memory_mb * 2**20
    with _scope(strategy):
        source: ImageSource = Streamed(train) if streams else Resident(train)
    return FitContext(device=chosen_device, train=source, val=val, project=project, strategy=strategy, features=known)


def head_context(params: Params, context: FitContext | FeatureContext) -> FeatureContext | None:
    """What a fit of heads alone needs; None where a whole network learns."""
    if isinstance(context, FeatureContext):
        return context
    return context.features if params.train.tune_backbone == "none" else None


def _scope(strategy: Any) -> AbstractContextManager[Any]:
    scope: AbstractContextManager[Any] = strategy.scope() if strategy else nullcontext()
    return scope
