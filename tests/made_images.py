"""Small files of images, in the layouts that people have them in."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from glyphline.data import archive, folders, listing, originals, own_images
from glyphline.data.listing import ListedImage
from glyphline.data.raw import LabeledImages
from glyphline.params import Params
from glyphline.pictures import Resizing
from glyphline.records import RawManifest
from tests.conftest import changed


def painted(path: Path, colour: Any = 0, size: tuple[int, int] = (8, 8), mode: str = "L", **options: Any) -> Path:
    """An image of one colour, in the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **options)
    return path


def two_classes(root: Path, count: int = 3) -> Path:
    """Class folders: cat is dark, dog is bright."""
    for label, colour in (("cat", 10), ("dog", 200)):
        for number in range(count):
            painted(root / label / f"{number}.png", colour)
    return root


def packed(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Encoded images as fetch leaves them; their names are `<split>/<label>/<file>`."""
    with zipfile.ZipFile(folder / archive.NAME, "w") as target:
        for name, content in contents.items():
            target.writestr(name, content)
    listing.write(folder / listing.NAME, [ListedImage(name, *name.split("/")[:2]) for name in contents])
    return folder


def fetched(params: Params, path: Path, folder: Path, **data: Any) -> RawManifest:
    """What fetch leaves of `path` in `folder`; `data` holds values of that section of params.yaml."""
    values = {f"data.{name.replace('__', '.')}": value for name, value in {"dataset": "mine", **data}.items()}
    folder.mkdir(parents=True, exist_ok=True)
    return own_images.fetch(changed(params, values).data, path, folder, scratch=folder.parent / "scratch")


def decoded(
    folder: Path, manifest: RawManifest, resizing: Resizing | None = None, group: str | None = None
) -> dict[str, LabeledImages]:
    """The arrays that preprocess reads from `folder`."""
    below = originals.folder(manifest, folder)
    return folders.read(folder, manifest.classes, resizing, folder.parent, group=group, below=below)
