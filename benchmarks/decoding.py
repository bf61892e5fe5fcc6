"""Reading pictures: large JPEGs against a plain Pillow loop, small ones against an earlier commit, and peak memory.

The pictures are made from photographs; where these are missing, from noise that is as hard to decode.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

import measurement
from glyphline.data import archive as archives
from glyphline.data import listing
from glyphline.data.listing import ListedImage

SIZE = 224
# The last commit that decoded with one thread.
BEFORE = "74292fe"
MADE = 40

# Both read the same zip, each in a process of its own; the clock stands while Python starts and imports.
PLAIN = f"""
import sys, time, zipfile
import numpy as np
from PIL import Image
began = time.perf_counter()
with zipfile.ZipFile(sys.argv[1]) as archive:
    for name in archive.namelist():
        with archive.open(name) as stream:
            np.asarray(Image.open(stream).convert("RGB").resize(({SIZE}, {SIZE}), Image.Resampling.BICUBIC))
print(time.perf_counter() - began)
"""
READ = """
import sys, time
from pathlib import Path
from glyphline.data import folders
if __name__ == "__main__":
    resizing = None
    if len(sys.argv) > 3:
        from glyphline.pictures import Resizing
        resizing = Resizing(int(sys.argv[3]), int(sys.argv[3]), "stretch")
    began = time.perf_counter()
    folders.read(Path(sys.argv[1]).parent, ("a", "b"), resizing, Path(sys.argv[2]))
    print(time.perf_counter() - began)
"""
# The commit before has no list of images beside the zip.
READ_BEFORE = READ.replace("Path(sys.argv[1]).parent", "Path(sys.argv[1])")


def photographs(archive: Path, scratch: Path) -> list[Path]:
    """The photographs of the archive, unpacked; none where it is missing."""
    if not archive.is_file():
        click.echo(f"{archive} is not here: the pictures are made from noise", err=True)
        return []
    with tarfile.open(archive) as source:
        source.extractall(scratch, filter="data")
    return sorted(scratch.rglob("dogs_cats/**/*.jpg"))


def pictures(sources: list[Path], count: int, size: tuple[int, int]) -> Iterator[Image.Image]:
    """Pictures of one size: some are made, the others are these, shifted."""
    made = [np.asarray(_picture(source, size)) for source in (sources or [None])[:MADE]]
    for number in range(count):
        yield Image.fromarray(np.roll(made[number % len(made)], 7 * (number // len(made)), axis=1))


def _picture(source: Path | None, size: tuple[int, int]) -> Image.Image:
    # What a photograph gained in size it lacks in detail.
    noise = Image.effect_noise(size, 40).convert("RGB")
    if source is None:
        return noise
    with Image.open(source) as photograph:
        return Image.blend(photograph.convert("RGB").resize(size, Image.Resampling.BICUBIC), noise, 0.1)


def write_folder(folder: Path, sources: list[Path], count: int, size: tuple[int, int]) -> None:
    """A folder of two class folders with JPEGs."""
    for number, picture in enumerate(pictures(sources, count, size)):
        path = folder / "ab"[number % 2] / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, quality=85)


def write_zip(raw: Path, sources: list[Path], count: int, size: tuple[int, int]) -> Path:
    """The same in a zip in the folder `raw`, as fetch packs it, under names that the commit before reads too."""
    raw.mkdir()
    with tempfile.TemporaryDirectory(dir=raw) as folder, zipfile.ZipFile(raw / archives.NAME, "w") as archive:
        write_folder(Path(folder), sources, count, size)
        for image in sorted(Path(folder).rglob("*.jpg")):
            archive.write(image, f"train/{image.relative_to(folder)}")
        names = archive.namelist()
    listing.write(raw / listing.NAME, [ListedImage(name, *name.split("/")[:2]) for name in names])
    return raw / archives.NAME


def alternating(
    ours: list[Any], other: list[Any], other_environ: dict[str, str], rounds: int
) -> list[tuple[float, float]]:
    """Seconds of ours and of the other one, in turn."""

    def seconds(words: list[Any], environ: dict[str, str]) -> float:
        with tempfile.TemporaryDirectory() as scratch:
            program = Path(scratch) / "program.py"
            program.write_text(words[0])
            return float(measurement.python(program, *words[1:], environ=environ).out)

    return [(seconds(ours, {}), seconds(other, other_environ)) for _ in range(rounds)]


def earlier_code(revision: str, folder: Path) -> Path:
    """The package as it was at a commit."""
    packed = subprocess.run(["git", "archive", revision, "src"], cwd=measurement.ROOT, capture_output=True, check=False)
    if packed.returncode:
        raise click.ClickException(f"git does not have {revision}: {packed.stderr.decode(errors='replace')}")
    subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
    return folder / "src"


def stage_memory(folder: Path, sources: list[Path], count: int) -> dict[str, dict[str, float]]:
    """Peak memory of fetch and preprocess on `count` JPEGs of 224 x 224."""
    write_folder(folder / "own", sources, count, (SIZE, SIZE))
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(measurement.ROOT / name, folder)
    measurement.change(folder, {"data.dataset": "own", "data.path": "own"})
    stages = ("fetch", "preprocess")
    return {
        stage: measurement.peak_memory([sys.executable, "-P", "-m", "glyphline", stage], folder) for stage in stages
    }


@click.command()
@click.option("--large", default=5000, show_default=True, help="JPEGs of 1,600 x 1,200, to 224 x 224.")
@click.option("--small", default=60_000, show_default=True, help="JPEGs of 32 x 32, as they are.")
@click.option("--kept", default=20_000, show_default=True, help="JPEGs of 224 x 224 whose stages' memory is watched.")
@click.option("--rounds", default=3, show_default=True, help="How often each pair runs.")
@click.option("--before", default=BEFORE, show_default=True, help="The commit to compare small JPEGs with.")
@click.option(
    "--photos",
    type=click.Path(path_type=Path),
    default=measurement.ROOT.parent / "shared" / "datasets" / "photos.tar",
    help="The photographs.",
)
@measurement.quick_option
def main(*, large: int, small: int, kept: int, rounds: int, before: str, photos: Path, quick: bool) -> None:
    """Measure and publish."""
    if quick:
        large, small, kept, rounds = 10, 50, 50, 1
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        sources = photographs(photos, scratch / "photos")
        archive = write_zip(scratch / "large", sources, large, (1600, 1200))
        of_large = alternating([READ, archive, scratch, SIZE], [PLAIN, archive], {}, rounds)
        archive = write_zip(scratch / "small", sources, small, (32, 32))
        code = earlier_code(before, scratch)
        of_small = alternating(
            [READ, archive, scratch], [READ_BEFORE, archive, scratch], {"PYTHONPATH": str(code)}, rounds
        )
        (scratch / "project").mkdir()
        memory = stage_memory(scratch / "project", sources, kept)
    ratios = {
        f"{large:,} JPEGs of 1,600 x 1,200 to {SIZE} x {SIZE}: plain Pillow loop / ours": [b / a for a, b in of_large],
        f"{small:,} JPEGs of 32 x 32: ours / commit {before}": [a / b for a, b in of_small],
    }
    rows = [(what, measurement.median_with_range(values)) for what, values in ratios.items()]
    rows += [
        (
            f"{kept:,} JPEGs of {SIZE} x {SIZE}, peak of {stage} over all processes, MB",
            f"{peak['own']:.0f} and {peak['mapped']:.0f} mapped",
        )
        for stage, peak in memory.items()
    ]
    measured = {"large": of_large, "small": of_small, "memory": memory}
    measurement.publish("decoding", f"Reading pictures, n = {rounds}, in turn", ("what", "median"), rows, measured)


if __name__ == "__main__":
    main()
