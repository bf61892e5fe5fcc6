"""Where a run comes from, read from a real git repository."""

import subprocess

import pytest

from glyphline.commands.reproduce import worktree
from glyphline.errors import RegistryError
from glyphline.journal import lineage
from glyphline.journal.run_events import decode, encode
from glyphline.paths import Paths

LOCK = "schema: '2.0'\nstages: {}\n"


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def paths(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    (tmp_path / "dvc.lock").write_text(LOCK)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return Paths(work=tmp_path, home=tmp_path)


@pytest.fixture
def collect(default_params, paths):
    return lambda environ=None: lineage.collect(default_params, paths, "train", environ or {})


def test_a_clean_tree_has_a_commit_and_no_patch(collect, paths):
    found = collect()
    assert found.facts["git"]["commit"] == git(paths.work, "rev-parse", "HEAD")
    assert found.patch is None
    assert lineage.tags(found)["glyphline.dirty"] == "false"


def test_a_changed_file_makes_it_dirty_with_a_patch(collect, paths):
    paths.params.write_text("seed: 2\n")
    found = collect()
    assert found.facts["git"]["changed"] == ["params.yaml"]
    assert "+seed: 2" in found.patch
    assert lineage.tags(found)["glyphline.dirty"] == "true"


def test_a_changed_dvc_lock_alone_is_not_dirty(collect, paths):
    (paths.work / "dvc.lock").write_text(LOCK + "\n")
    assert not collect().facts["git"]["dirty"]


def test_metrics_that_dvc_removed_before_the_stage_are_not_dirty(collect, paths):
    paths.metrics.parent.mkdir(parents=True)
    paths.metrics.write_text("{}\n")
    git(paths.work, "add", ".")
    git(paths.work, "commit", "-qm", "metrics")
    paths.metrics.unlink()
    found = collect()
    assert not found.facts["git"]["dirty"]
    assert found.patch is None


def test_an_untracked_file_with_a_space_in_its_name_is_listed(collect, paths):
    (paths.work / "new file.py").write_text("")
    assert [name.strip('"') for name in collect().facts["git"]["changed"]] == ["new file.py"]


def test_a_huge_patch_is_left_out_and_that_is_said(collect, paths):
    paths.params.write_text("x" * (2**20 + 1))
    found = collect()
    assert found.patch is None
    assert found.facts["git"]["patch_left_out"]


def test_a_password_in_the_changes_is_taken_out(collect, paths):
    paths.params.write_text("uri: https://ann:hidden@host\n")
    assert "hidden" not in collect().patch


def test_outside_a_repository_the_git_tags_are_missing(default_params, tmp_path):
    found = lineage.collect(default_params, Paths(tmp_path, tmp_path), "train", {})
    assert "mlflow.source.git.commit" not in lineage.tags(found)
    assert lineage.tags(found)["glyphline.seed"] == str(default_params.seed)


HELD = {
    "windows.py": b"a = 1\r\nb = 2\r\n\r\nc = 3\r\n",
    "mixed.py": b"a = 1\r\nb = 2\nc = 3\r\n",
    "latin.txt": "Gr\u00f6\u00dfe\nL\u00e4nge\n".encode("latin-1"),
    "utf.txt": "Gr\u00f6\u00dfe\nL\u00e4nge\n".encode(),
    "caf\u00e9 menu.txt": b"tea\n",
    "picture.bin": bytes(range(256)),
    "gone.py": b"old = 1\nkept = 1\nlast = 1\n",
    "spaces.py": b"one = 1\n\n\ntwo = 2 \n\tthree\n",
    "table.csv": b"a,b\n1,2\n",
}
CHANGED = {
    "windows.py": b"a = 1\r\nb = 20\r\n\r\nc = 3\r\nd = 4\r\n",
    "mixed.py": b"a = 1\nb = 2\r\nc = 30\r\n",
    "latin.txt": "Gr\u00f6\u00dfe 1\nL\u00e4nge \u00a0\u0085\n".encode("latin-1"),
    "utf.txt": "Gr\u00f6\u00dfe 2\nL\u00e4nge\u2028\nBreite".encode(),
    "caf\u00e9 menu.txt": b"coffee\n",
    "picture.bin": bytes(reversed(range(256))),
    "moved.py": b"old = 1\nkept = 1\nlast = 1\n",
    "spaces.py": b"one = 1\n\n\ntwo = 3 \n\tthree\n",
    "table.csv": b"a,b\n1,3\n",
}
SETTINGS = [
    {},
    {"color.ui": "always", "color.diff": "always", "diff.colorMoved": "zebra", "diff.wsErrorHighlight": "all"},
    {"diff.external": "echo nothing"},
    {"diff.noprefix": "true"},
    {"diff.mnemonicPrefix": "true", "diff.context": "0", "diff.suppressBlankEmpty": "true"},
    {"diff.shout.textconv": "tr a-z A-Z <"},
    {"diff.shout.command": "echo nothing"},
    {"diff.renames": "copies", "diff.relative": "true", "diff.algorithm": "patience", "diff.autoRefreshIndex": "false"},
    {"core.quotePath": "true", "core.whitespace": "cr-at-eol", "apply.whitespace": "error"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: next(iter(settings), "none"))
@pytest.mark.parametrize("utf8_only", [False, True])
def test_the_patch_brings_every_changed_byte_back_whatever_git_is_set_to(collect, paths, settings, utf8_only, tmp_path):
    held, changed = dict(HELD), dict(CHANGED)
    if utf8_only:
        del held["latin.txt"], changed["latin.txt"]
    (paths.work / ".gitattributes").write_text("*.csv diff=shout\n*.py diff=shout\n")
    for name, content in held.items():
        (paths.work / name).write_bytes(content)
    git(paths.work, "add", ".")
    git(paths.work, "commit", "-qm", "more")
    for key, value in settings.items():
        git(paths.work, "config", key, value)
    for name, content in changed.items():
        (paths.work / name).write_bytes(content)
    (paths.work / "gone.py").unlink()
    git(paths.work, "add", "-N", "moved.py")
    found = decode(encode(collect()))
    patch = tmp_path / "run.patch"
    patch.write_bytes(lineage.patch_bytes(found))
    assert not found.facts["git"]["patch_redacted"]
    with worktree.worktree(paths.work, found.facts["git"]["commit"], patch) as folder:
        assert {name: (folder / name).read_bytes() for name in changed} == changed
        assert not (folder / "gone.py").exists()
    assert {f"b/{name}" in patch.read_text("utf-8", "replace") for name in found.facts["git"]["changed"]} == {True}


@pytest.mark.parametrize("setting", ["true", "input", "false"])
def test_line_ends_that_git_translates_come_back(collect, paths, setting, tmp_path):
    git(paths.work, "config", "core.autocrlf", setting)
    code = paths.work / "code.py"
    code.write_bytes(b"a = 1\r\nb = 2\r\n")
    git(paths.work, "add", ".")
    git(paths.work, "commit", "-qm", "more")
    code.write_bytes(b"a = 1\r\nb = 3\r\n")
    found = collect()
    patch = tmp_path / "run.patch"
    patch.write_bytes(lineage.patch_bytes(found))
    with worktree.worktree(paths.work, found.facts["git"]["commit"], patch) as folder:
        assert (folder / "code.py").read_text() == "a = 1\nb = 3\n"


def test_the_changes_of_a_project_in_a_folder_of_its_repository_come_back(default_params, paths, tmp_path):
    project = paths.work / "project"
    project.mkdir()
    (project / "params.yaml").write_text("seed: 1\n")
    git(paths.work, "add", ".")
    git(paths.work, "commit", "-qm", "more")
    git(paths.work, "config", "diff.relative", "true")
    (project / "params.yaml").write_text("seed: 2\n")
    found = lineage.collect(default_params, Paths(project, project), "train", {})
    patch = tmp_path / "run.patch"
    patch.write_bytes(lineage.patch_bytes(found))
    with worktree.worktree(project, found.facts["git"]["commit"], patch) as folder:
        assert (folder / "params.yaml").read_text() == "seed: 2\n"


def test_a_file_unknown_to_git_is_listed_although_git_is_set_not_to_show_it(collect, paths):
    git(paths.work, "config", "status.showUntrackedFiles", "no")
    (paths.work / "new.py").write_text("")
    assert collect().facts["git"]["changed"] == ["new.py"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_that_a_password_was_blanked_is_said(collect, paths, encoding):
    paths.params.write_bytes("uri: postgresql://ann:h\u00e4hidden@host # \u00e9\n".encode(encoding))
    found = collect()
    assert found.facts["git"]["patch_redacted"]
    assert b"hidden" not in lineage.patch_bytes(found)
    assert b"postgresql://***@host" in lineage.patch_bytes(found)


def rebuilt(paths, found, folder):
    """What params.yaml is in a worktree at the commit of a lineage with its patch."""
    patch = folder / "run.patch"
    patch.write_bytes(lineage.patch_bytes(found))
    with worktree.worktree(paths.work, found.facts["git"]["commit"], patch) as made:
        return (made / "params.yaml").read_text()


def test_whoever_rebuilds_from_a_patch_with_a_blanked_password_is_told(collect, paths, tmp_path, caplog):
    paths.params.write_text('uri: f"postgresql://{user}:{password}@{host}"\n')
    assert rebuilt(paths, collect(), tmp_path) == 'uri: f"postgresql://***@{host}"\n'
    assert "blanked" in caplog.text


def test_a_patch_without_passwords_is_applied_without_a_word(collect, paths, tmp_path, caplog):
    paths.params.write_text("seed: 2\n")
    assert rebuilt(paths, collect(), tmp_path) == "seed: 2\n"
    assert not caplog.text


def test_a_patch_that_does_not_fit_blames_a_password_only_where_one_was_blanked(collect, paths, tmp_path):
    paths.params.write_text("uri: https://ann:hidden@host\n")
    git(paths.work, "commit", "-qam", "a password in the commit")
    paths.params.write_text("uri: https://host\n")
    found = collect()
    with pytest.raises(RegistryError, match="do not fit") as caught:
        rebuilt(paths, found, tmp_path)
    assert "password" in caught.value.fix
    other = found.model_copy(update={"patch": lineage.patch_bytes(found).decode().partition("\n")[2]})
    with pytest.raises(RegistryError, match="do not fit") as caught:
        rebuilt(paths, other, tmp_path)
    assert "password" not in caught.value.fix


def test_changes_that_git_does_not_tell_are_said_to_be_left_out(collect, paths):
    paths.params.write_text("seed: 2\n")
    # The commit's file is gone from the repository: `git status` still sees a change, `git diff` cannot tell it.
    lost = git(paths.work, "rev-parse", "HEAD:params.yaml")
    (paths.work / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    found = collect()
    assert found.facts["git"]["dirty"]
    assert found.patch is None
    assert found.facts["git"]["patch_left_out"]
