"""The data sets that are known by name: their addresses, licences and digests.

Several independent public registries agree on each digest. An entry gives the digest
of the published archive, of the bytes inside it, or both; either match is enough, so that a mirror may compress anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from glyphline.errors import DataError
from glyphline.nearest import closest

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"

# All three MNIST-like sets hold 60,000 + 10,000 images of 28 x 28 behind a header of 16 bytes, labels behind one of 8.
MNIST_SIZES = {TRAIN_IMAGES: 47_040_016, TRAIN_LABELS: 60_008, TEST_IMAGES: 7_840_016, TEST_LABELS: 10_008}
DIGIT_NAMES = tuple("0123456789")


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One gzip archive that is published somewhere.

    Attributes:
        name: the archive's name without `.gz`; the uncompressed file is kept under it.
        urls: where it is published, best first.
        size_bytes: length of the uncompressed file, exactly.
        archive_sha256: SHA-256 of the archive, where it is known.
        content_sha256: SHA-256 of the uncompressed file, where it is known.
    """

    name: str
    urls: tuple[str, ...]
    size_bytes: int
    archive_sha256: str | None
    content_sha256: str | None


@dataclass(frozen=True, slots=True)
class Dataset:
    """One entry of the catalogue.

    Attributes:
        name: as `data.dataset` gives it.
        licence: of the images.
        citation: of its authors.
        reader: what reads the files: `bundled` or `idx`.
        classes: the class names, in the order of the labels.
        counts: images per official split.
        files: what to download; empty for the bundled set.
    """

    name: str
    licence: str
    citation: str
    reader: str
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    files: tuple[PublishedFile, ...] = ()


def find(name: str) -> Dataset:
    """The entry called `name`.

    Raises:
        DataError: there is none; the nearest known name is given.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = closest(name, CATALOGUE)
    guess = f"; did you mean {near}?" if near else ""
    raise DataError(
        f"data.dataset is {name!r}, which the catalogue does not hold{guess}",
        fix=f"use one of {', '.join(CATALOGUE)}, or give the folder of your own images in data.path",
    )


def _mnist_like(
    bases: tuple[str, ...], archives: Mapping[str, str], contents: Mapping[str, str]
) -> tuple[PublishedFile, ...]:
    return tuple(
        PublishedFile(
            name=name,
            urls=tuple(f"{base}{name}.gz" for base in bases),
            size_bytes=size_bytes,
            archive_sha256=archives.get(name),
            content_sha256=contents.get(name),
        )
        for name, size_bytes in MNIST_SIZES.items()
    )


_OFFICIAL = {"train": 60_000, "test": 10_000}

_DIGITS = Dataset(
    name="digits",
    licence="CC BY 4.0",
    citation=(
        "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits. UCI Machine Learning Repository (1998), "
        "https://doi.org/10.24432/C50P49"
    ),
    reader="bundled",
    classes=DIGIT_NAMES,
    counts={"train": 1797},
)

_MNIST = Dataset(
    name="mnist",
    licence="Copyright Yann LeCun and Corinna Cortes; distributed under CC BY-SA 3.0",
    citation=(
        "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition. "
        "Proceedings of the IEEE 86 (1998) 2278-2324"
    ),
    reader="idx",
    classes=DIGIT_NAMES,
    counts=_OFFICIAL,
    files=_mnist_like(
        bases=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        archives={
            TRAIN_IMAGES: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            TRAIN_LABELS: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            TEST_IMAGES: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        },
        contents={
            TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
)

_FASHION_MNIST = Dataset(
    name="fashion_mnist",
    licence="MIT",
    citation=(
        "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
        "Algorithms. arXiv:1708.07747 (2017)"
    ),
    reader="idx",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    counts=_OFFICIAL,
    files=_mnist_like(
        bases=("https://fashion-mnist.s3.eu-central-1.amazonaws.com/",),
        archives={
            TRAIN_IMAGES: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            TRAIN_LABELS: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            TEST_IMAGES: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            TEST_LABELS: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        contents={},
    ),
)

_KMNIST = Dataset(
    name="kmnist",
    licence="CC BY-SA 4.0",
    citation=(
        "T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto, D. Ha: Deep Learning for Classical Japanese "
        "Literature. arXiv:1812.01718 (2018); KMNIST Dataset (created by CODH), adapted from Kuzushiji Dataset "
        "(created by NIJL and others), doi:10.20676/00000341"
    ),
    reader="idx",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    counts=_OFFICIAL,
    files=_mnist_like(
        bases=("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        archives={
            TRAIN_IMAGES: "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            TRAIN_LABELS: "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            TEST_IMAGES: "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            TEST_LABELS: "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        },
        contents={},
    ),
)

CATALOGUE: Mapping[str, Dataset] = {entry.name: entry for entry in (_DIGITS, _MNIST, _FASHION_MNIST, _KMNIST)}


def licence_and_citation(dataset: str, path: str | None) -> tuple[str, str]:
    """The licence of the images that `data.dataset` and `data.path` name, and whom to cite, empty where unknown."""
    if path is not None:
        return "the owner of the images knows", ""
    entry = find(dataset)
    return entry.licence, entry.citation
