"""What a call ran in: what is recorded of it, how it is found by it, and what is said or done where it differs."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import os
import pickle
import platform
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sweepable
from running import RunScript, write_files
from sweepable import SweepableError, UnknownName
from sweepable.environment import packages, version_of

PEOPLE = {f"GIT_{who}_{what}": "nobody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def git(folder: Path, *command: str) -> str:
    done = subprocess.run(
        ["git", *command], cwd=folder, env=os.environ | PEOPLE | ALONE, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def committed(folder: Path, **files: str) -> str:
    """Make a repository, or a further commit of it; the commit."""
    write_files(folder, {name.replace("_py", ".py"): text for name, text in files.items()})
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "as it is")
    return git(folder, "rev-parse", "HEAD")


def rows(store_path: Path, query: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(store_path / "index.db")) as c, c:
        return c.execute(query, values).fetchall()


def install(site: Path, name: str, version: str, *, said: bool = True, distribution: str | None = None) -> None:
    """A package as pip leaves it behind: its module, and what is known about it."""
    shutil.rmtree(site, ignore_errors=True)
    known = f"{(distribution or name).replace('-', '_')}-{version}.dist-info"
    text = (f"__version__ = {version!r}\n" if said else "") + "def scale(x):\n    return 2 * x\n"
    top = f"{name}/__init__.py,,\n{known}/RECORD,,\n"
    metadata = f"Metadata-Version: 2.1\nName: {distribution or name}\nVersion: {version}\n"
    write_files(site, {f"{name}/__init__.py": text, f"{known}/RECORD": top, f"{known}/METADATA": metadata})


USES = """
    import sys
    sys.path.insert(0, "site-packages")
    import sweepable
    from lib import scale

    @sweepable.cache{option}
    def sim(x=1.0):
        print("runs", file=sys.stderr)
        return scale(x)

    @sweepable.cache
    def evaluate(sim_result=sim):
        return sim_result.value + 1
"""


# -- what is recorded


@sweepable.cache
def root(x: float = 2.0) -> float:
    return float(np.sqrt(x))


def test_python_platform_host_and_packages_are_recorded() -> None:
    """Each call knows Python, system, host and the versions of the packages that its code reaches."""
    info = root.get_or_run().info
    assert (info.python, info.host) == (platform.python_version(), socket.gethostname())
    assert info.packages == {"numpy": np.__version__}
    assert info.platform == f"{sys.platform}-{platform.machine()}"
    assert info.environment["implementation"] == platform.python_implementation()
    assert pickle.loads(pickle.dumps(info)).environment == info.environment
    shown = repr(info)
    assert f"numpy {np.__version__}" in shown and "status" in shown and "None" not in shown


@pytest.mark.parametrize(
    ("imports", "uses", "expected"),
    [
        ("import numpy as np", "np.sin(x)", "numpy"),
        ("from scipy.optimize import minimize", "minimize", "scipy"),
        ("import scipy.linalg as la", "la.inv", "scipy"),
        ("import scipy.signal", "scipy.signal.lfilter", "scipy"),
        ("", "__import__('scipy.stats').stats.norm", "scipy"),
        ("from sklearn.linear_model import Ridge", "Ridge()", "sklearn"),
        ("import dateutil.parser", "dateutil.parser.parse('2026-01-01')", "dateutil"),
        ("import pandas; TABLE = pandas.DataFrame({'a': [1]})", "TABLE.sum()", "pandas"),
        ("import numpy; ZEROS = numpy.zeros(3)", "ZEROS.sum()", "numpy"),
    ],
)
def test_packages_are_found_however_they_are_imported(
    run_script: RunScript, imports: str, uses: str, expected: str
) -> None:
    """As a module, by name, as a submodule, inside the body, or through a value of theirs: with their version."""
    source = f"""
        {imports}
        import json, sweepable
        @sweepable.cache
        def f(x=1.0):
            {uses}
        print(json.dumps(f.get_or_run().info.packages))
    """
    found = json.loads(run_script(source).stdout)
    assert found[expected] == version_of(expected) != packages.UNKNOWN


def test_packages_of_arguments_are_recorded() -> None:
    """A table's methods run, though the code does not name the package."""
    table = importlib.import_module("pandas").DataFrame({"a": [1.0, 2.0]})

    @sweepable.cache
    def mean(data: Any, column: str = "a") -> float:
        return float(data[column].mean())

    assert mean.get_or_run(table).info.packages == {"pandas": version_of("pandas")}
    assert mean.get_or_run({"a": np.ones(3)}).info.packages == {}
    assert mean.filter(info__packages__pandas__isnull=False).count() == 1


def test_code_of_the_users_is_no_package(run_script: RunScript) -> None:
    """Neither its modules, nor the classes of the values that it holds."""
    kinds = """
        class Plant:
            def __init__(self):
                self.gain = 2.0
            def step(self, x):
                return self.gain * x
    """
    source = """
        import kinds, sweepable
        PLANT = kinds.Plant()
        @sweepable.cache
        def f(x=1.0):
            return PLANT.step(x) + len([PLANT, kinds])
        print(f.get_or_run().info.packages)
    """
    assert run_script(source, files={"kinds.py": kinds}).stdout.strip() == "{}"


@pytest.mark.parametrize(("module", "distribution"), [("sklearn", "scikit-learn"), ("dateutil", "python-dateutil")])
def test_a_version_is_found_by_the_name_of_module_and_distribution(module: str, distribution: str) -> None:
    """What is imported by another name than it is installed by."""
    from importlib import metadata

    assert packages._installed(module, None) == metadata.version(distribution) == version_of(distribution)
    assert version_of(module) == metadata.version(distribution)


def test_a_package_that_does_not_say_its_version_is_looked_up_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what pip has noted beside it, whatever the names; nothing is asked of the module that it would compute."""
    install(tmp_path / "site-packages", "lib_a", "3.1", said=False, distribution="Some-Thing")
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    found = importlib.import_module("lib_a")
    monkeypatch.setitem(vars(found), "__getattr__", lambda name: pytest.fail(name))
    assert version_of("lib_a") == version_of("some_thing") == "3.1"
    assert version_of("lib_b") is None


def test_a_package_installed_from_a_repository_has_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its version says little: two commits of one version are two versions, also where that counts."""
    site = tmp_path / "site-packages"
    install(site, "lib_g", "1.0", distribution="Lib-of-Git")
    told = {"url": "https://example.org/lib.git", "vcs_info": {"vcs": "git", "commit_id": "1f2e3d4c5b6a7988"}}
    write_files(site, {"Lib_of_Git-1.0.dist-info/direct_url.json": json.dumps(told)})
    monkeypatch.syspath_prepend(str(site))
    assert version_of("lib_g") == "1.0+git.1f2e3d4c5b6a"  # not yet imported
    importlib.import_module("lib_g")
    assert version_of("lib_g") == "1.0+git.1f2e3d4c5b6a"


def test_a_package_of_one_file_has_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that lies in site-packages itself."""
    known = {"lib_h-2.5.dist-info/RECORD": "lib_h.py,,\n", "lib_h.py": "x = 1\n"}
    write_files(tmp_path / "site-packages", known)
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    importlib.import_module("lib_h")
    assert version_of("lib_h") == "2.5"


def test_environments_and_diffs_stand_once(store_path: Path) -> None:
    """However many calls ran in it, what is known of it is one row."""
    for x in range(20):
        root(float(x))
    texts = [json.loads(text) for (text,) in rows(store_path, "SELECT text FROM _environments")]
    assert len([text for text in texts if "python" in text]) == 1


# -- git

ASKS = """
    import json, sweepable, lab
    info = lab.sim.get_or_run().info
    print(json.dumps([repository._asdict() for repository in info.git]), repr(info.git), sep="\\n")
"""
LAB = """
    import sweepable
    import helper

    @sweepable.cache
    def sim(x=1.0):
        return helper.double(x)
"""
HELPER = "def double(x):\n    return 2 * x\n"


def asked(run_script: RunScript, folder: Path, source: str = ASKS, **options: Any) -> tuple[list[dict[str, Any]], str]:
    """What is recorded of the repositories by a script beside the repository, and how it shows."""
    env = {"PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parents[1] / "src")])}
    lines = run_script(source, env=env | options.pop("env", {}), **options).stdout.splitlines()
    return json.loads(lines[-2]), lines[-1]


@needs_git
def test_the_commit_of_the_code_is_recorded(run_script: RunScript, tmp_path: Path) -> None:
    """Of the repository that holds the code, wherever the script runs."""
    commit = committed(tmp_path / "motor", lab_py=LAB, helper_py=HELPER)
    found, shown = asked(run_script, tmp_path / "motor")
    assert found == [
        {
            "name": "motor",
            "path": str(tmp_path / "motor"),
            "commit": commit,
            "dirty": False,
            "diff": None,
            "untracked": [],
        }
    ]
    assert shown == f"[<motor at {commit[:12]}>]"


@needs_git
def test_what_was_not_committed_is_recorded_as_a_diff(run_script: RunScript, tmp_path: Path) -> None:
    """Changes of tracked files, staged or not, in full; nothing of what git is configured to print or to run."""
    folder = tmp_path / "motor"
    committed(folder, lab_py=LAB, helper_py=HELPER, notes_py="# é")
    git(folder, "config", "color.ui", "always")
    git(folder, "config", "diff.external", "false")
    git(folder, "config", "core.pager", "false")
    (folder / "helper.py").write_text(HELPER.replace("2", "3"))
    (folder / "notes.py").write_text("# ü\n")
    git(folder, "add", "notes.py")
    (found,), shown = asked(run_script, folder, env={"GIT_DIR": "/nowhere", "GIT_EXTERNAL_DIFF": "false"})
    assert found["dirty"] is True and found["untracked"] == []
    assert "-    return 2 * x\n+    return 3 * x\n" in found["diff"] and "+# ü\n" in found["diff"]
    assert "with 2 files changed" in shown


@needs_git
def test_files_of_the_code_that_git_does_not_track_are_named(run_script: RunScript, tmp_path: Path) -> None:
    """New files and ignored ones, if the code lies in them; the commit alone then does not give the code."""
    folder = tmp_path / "motor"
    committed(folder, lab_py=LAB, **{".gitignore": "helper.py\n"})
    write_files(folder, {"helper.py": HELPER, "unused.py": ""})
    (found,), shown = asked(run_script, folder)
    assert (found["dirty"], found["diff"], found["untracked"]) == (True, None, ["helper.py"])
    assert "with helper.py not tracked" in shown


@needs_git
def test_each_repository_is_recorded(run_script: RunScript, tmp_path: Path) -> None:
    """A package that is worked on beside the project: both, each with its own commit."""
    tools, motor = tmp_path / "tools", tmp_path / "motor"
    commits = {committed(tools, helper_py=HELPER), committed(motor, lab_py=LAB)}
    env = {"PYTHONPATH": os.pathsep.join([str(tools), str(motor), str(Path(__file__).parents[1] / "src")])}
    found, _ = asked(run_script, motor, env=env)
    assert {repository["commit"] for repository in found} == commits


@needs_git
def test_a_worktree_and_a_repository_without_commits_are_recorded(run_script: RunScript, tmp_path: Path) -> None:
    """A linked worktree has its own commit; before the first commit there is none."""
    committed(tmp_path / "motor", lab_py=LAB, helper_py=HELPER)
    git(tmp_path / "motor", "worktree", "add", "-q", str(tmp_path / "other"))
    other = committed(tmp_path / "other", helper_py=HELPER + "# more\n")
    (found,), _ = asked(run_script, tmp_path / "other")
    assert (found["commit"], found["path"]) == (other, str(tmp_path / "other"))
    write_files(tmp_path / "fresh", {"lab.py": LAB, "helper.py": HELPER})
    git(tmp_path / "fresh", "init", "-q")
    (found,), _ = asked(run_script, tmp_path / "fresh", store=tmp_path / "another")
    assert (found["commit"], found["dirty"], found["untracked"]) == (None, True, ["helper.py", "lab.py"])


@needs_git
def test_a_large_diff_is_kept_as_a_summary(run_script: RunScript, tmp_path: Path, store_path: Path) -> None:
    """What would fill the store is kept by its digest, with the files that changed."""
    folder = tmp_path / "motor"
    committed(folder, lab_py=LAB, helper_py=HELPER, data_py="")
    (folder / "data.py").write_text("x = 1\n" * 100_000)
    (found,), _ = asked(run_script, folder)
    assert found["dirty"] and found["diff"].split("\n")[0].split()[:3] == ["data.py", "|", "100000"]
    assert all(len(text) < 5_000 for (text,) in rows(store_path, "SELECT text FROM _environments"))


@needs_git
def test_in_a_long_session_commits_and_edits_are_noticed(run_script: RunScript, tmp_path: Path) -> None:
    """A call that is stored after a commit has the new one; one after an edit of the code has the diff."""
    folder = tmp_path / "motor"
    first = committed(folder, lab_py=LAB, helper_py=HELPER)
    source = """
        import os, subprocess, time, sweepable, lab
        def state(x):
            time.sleep(0.1)  # people are not faster
            (found,) = lab.sim.get_or_run(x).info.git
            return found
        def git(*command):
            subprocess.run(["git", *command], cwd=os.path.dirname(lab.__file__), check=True, stdout=subprocess.DEVNULL)
        def edit(text):
            with open(os.path.join(os.path.dirname(lab.__file__), "helper.py"), "a") as stream:
                stream.write(text)

        print(state(1.0).commit, state(2.0).dirty)
        edit("# more\\n")
        print(state(3.0).commit, "+# more" in state(4.0).diff)
        git("commit", "-qam", "more")
        print(state(5.0).commit, state(6.0).dirty)
        git("commit", "--amend", "-qm", "other words")
        print(state(7.0).commit, state(8.0).dirty)
    """
    env = {"PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parents[1] / "src")])} | PEOPLE | ALONE
    lines = [line.split() for line in run_script(source, env=env).stdout.splitlines()]
    assert [dirty for _, dirty in lines] == ["False", "True", "False", "False"]
    commits = [commit for commit, _ in lines]
    assert commits[:2] == [first, first] and len(set(commits)) == 3
    assert commits[3] == git(folder, "rev-parse", "HEAD")


@needs_git
def test_git_is_asked_once_and_never_for_a_hit(run_script: RunScript, tmp_path: Path) -> None:
    """A hundred stored calls ask git as often as one, and calls that are served do not ask it at all."""
    folder, bin = tmp_path / "motor", tmp_path / "bin"
    committed(folder, lab_py=LAB, helper_py=HELPER)
    script = f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nexec {shutil.which("git")} "$@"\n'
    write_files(bin, {"git": script})
    (bin / "git").chmod(0o755)
    source = "import lab\nfor x in range({}): lab.sim(float(x))\n"
    env = {
        "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parents[1] / "src")]),
    }
    run_script(source.format(100), env=env)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert 1 <= len(asked) <= 3
    run_script(source.format(100), env=env)
    assert (tmp_path / "asked").read_text().splitlines() == asked


@pytest.mark.parametrize(
    "script", [None, "#!/bin/sh\nexit 1\n", "#!/bin/sh\nexec sleep 60\n", "#!/bin/sh\nyes\n", "no program\n"]
)
def test_a_git_that_is_missing_fails_or_hangs_costs_no_result(
    run_script: RunScript, tmp_path: Path, script: str | None
) -> None:
    """The call is stored, without what git did not say; and git is not waited for again."""
    folder, bin = tmp_path / "motor", tmp_path / "bin"
    write_files(folder, {"lab.py": LAB, "helper.py": HELPER, ".git/HEAD": "ref: refs/heads/main\n"})
    write_files(bin, {"git": script} if script else {"other": ""})
    for file in bin.iterdir():
        file.chmod(0o755)
    source = """
        import time, sweepable, lab
        from sweepable.environment import git
        git.PATIENCE = 0.5
        started = time.perf_counter()
        print(lab.sim(2.0), lab.sim(3.0), lab.sim.get_or_run(4.0).info.git, time.perf_counter() - started < 5)
    """
    env = {"PATH": str(bin), "PYTHONPATH": os.pathsep.join([str(folder), str(Path(__file__).parents[1] / "src")])}
    done = run_script(source, env=env)
    assert (done.stdout.strip(), done.stderr) == ("4.0 6.0 [] True", "")


@needs_git
def test_code_that_lies_in_no_file_is_where_it_is_typed(run_script: RunScript, tmp_path: Path) -> None:
    """The repository of a notebook is that of the folder it runs in."""
    commit = committed(tmp_path / "project", read_py="")
    source = "def sim(x=1.0): return 2 * x"
    script = f"""
        import sweepable
        names = {{"__name__": "__main__"}}
        exec(compile({source!r}, "<ipython-input-1-abc>", "exec"), names)
        (found,) = sweepable.cache(names["sim"]).get_or_run().info.git
        print(found.commit, found.dirty)
    """
    assert run_script(script, name="kernel.py").stdout.split() == [commit, "False"]


@needs_git
def test_a_pinned_function_has_the_commit_of_its_own_file(run_script: RunScript, tmp_path: Path) -> None:
    """Though its code does not count, where it is from is known."""
    commit = committed(tmp_path / "motor", lab_py=LAB.replace("cache\n", 'cache(version="1")\n'), helper_py=HELPER)
    (found,), _ = asked(run_script, tmp_path / "motor")
    assert found["commit"] == commit


# -- found by it


@sweepable.cache(area=float)
def slow_area(side: float = 1.0) -> float:
    if side < 0:
        raise ValueError("no such square")
    time.sleep(0.02 if side > 2 else 0.0)
    return float(np.square(side))


@sweepable.cache(twice=float)
def doubled(square: Any = slow_area, factor: float = 2.0) -> float:
    return float(np.multiply(square.area, factor))


@sweepable.cache(total=float)
def summed(info: Any = doubled, other: float = 0.0) -> float:
    return float(info.twice + other)


@pytest.fixture
def stored() -> Iterator[None]:
    doubled.sweep(square__side=[1.0, 2.0, 3.0], progress=False)
    yield


@pytest.fixture
def rewritten(stored: None, store_path: Path) -> Callable[..., None]:
    """Let the calls of one side have run elsewhere."""

    def rewrite(side: float, **facts: Any) -> None:
        key = slow_area.key_of(side)
        query = "SELECT e.text FROM _calls c JOIN _environments e ON e.id = c.environment WHERE c.key = ?"
        new = json.dumps(json.loads(rows(store_path, query, key)[0][0]) | facts, sort_keys=True)
        ((number,),) = rows(store_path, "INSERT INTO _environments (text) VALUES (?) RETURNING id", new)
        rows(store_path, "UPDATE _calls SET environment = ? WHERE key = ?", number, key)

    return rewrite


def sides(query: Any) -> list[float]:
    return sorted(rec.side for rec in query)


def test_calls_are_found_by_what_they_ran_in(rewritten: Callable[..., None]) -> None:
    """By package, Python, host, commit and state of any repository; and through what is upstream."""
    repository = {"name": "motor", "path": "/motor", "commit": "abc123", "dirty": True, "diff": None, "untracked": []}
    second = repository | {"name": "tools", "commit": "def456", "dirty": False}
    rewritten(1.0, packages={"numpy": "1.26.4"}, host="elsewhere", python="3.9.18", git=[repository, second])
    rewritten(2.0, packages={"numpy": "1.9.0"}, git=[second])
    rewritten(3.0, git=[])
    find = slow_area.filter
    assert sides(find(info__packages__numpy="1.26.4")) == [1.0]
    assert sides(find(info__packages__numpy=["1.26.4", "1.9.0"])) == [1.0, 2.0]
    assert sides(find(info__packages__numpy__startswith="1.")) == [1.0, 2.0]
    assert sides(find(info__packages__numpy__ne="1.26.4")) == [2.0, 3.0]
    assert sides(slow_area.select().exclude(info__packages__numpy="1.26.4")) == [2.0, 3.0]
    assert sides(find(info__packages__pandas__isnull=True)) == [1.0, 2.0, 3.0]
    assert sides(find(info__packages__numpy__isnull=True)) == []
    assert sides(find(info__host="elsewhere")) == [1.0] and sides(find(info__host__ne="elsewhere")) == [2.0, 3.0]
    assert sides(find(info__python__startswith="3.9.")) == [1.0]
    assert sides(find(info__git__commit__startswith="abc")) == [1.0]
    assert sides(find(info__git__commit__startswith="def")) == [1.0, 2.0]
    assert sides(find(info__git__dirty=True)) == [1.0] and sides(find(info__git__dirty=False)) == [1.0, 2.0]
    assert sides(slow_area.select().exclude(info__git__dirty=True)) == [2.0, 3.0]
    assert sides(find(info__git__name="tools", info__git__path="/motor")) == [1.0, 2.0]
    assert sides(find(info__git__commit__isnull=True)) == [3.0] and sides(find(info__git__commit__isnull=False)) == [
        1,
        2,
    ]
    through = doubled.filter(square__info__packages__numpy="1.26.4")
    assert [rec.square.side for rec in through] == [1.0]
    assert doubled.select().exclude(square__info__host="elsewhere").count() == 2
    assert doubled.filter(slow_area__info__git__dirty=True).count() == 1


def test_versions_are_compared_as_versions(rewritten: Callable[..., None]) -> None:
    """1.26 comes after 1.9, and a release after its candidates."""
    rewritten(1.0, packages={"numpy": "1.26.4"}, python="3.9.1")
    rewritten(2.0, packages={"numpy": "1.9"}, python="3.11.0rc1")
    rewritten(3.0, packages={"numpy": "2.0.0rc2"}, python="3.12.0")
    find = slow_area.filter
    assert sides(find(info__packages__numpy__lt="1.26")) == [2.0]
    assert sides(find(info__packages__numpy__gte="1.9.0")) == [1.0, 2.0, 3.0]
    assert (
        sides(find(info__packages__numpy__lt="2")) == [1.0, 2.0, 3.0] == sides(find(info__packages__numpy__lt="2.0.0"))
    )
    assert sides(find(info__packages__numpy__lt="2.0.0rc2")) == [1.0, 2.0]
    assert sides(find(info__packages__numpy__range=("1.9", "1.99"))) == [1.0, 2.0]
    assert sides(find(info__python__gte="3.11")) == [3.0] and sides(find(info__python__lt="3.11")) == [1.0, 2.0]
    assert [rec.side for rec in slow_area.select().order_by("info__packages__numpy")] == [2.0, 1.0, 3.0]
    assert [rec.side for rec in slow_area.select().order_by("-info__python")] == [3.0, 2.0, 1.0]
    up = doubled.select().order_by("-square__info__packages__numpy")
    assert [rec.square.side for rec in up] == [3.0, 1.0, 2.0]


def test_calls_are_found_by_when_and_how_long_they_ran(stored: None) -> None:
    """Moments as datetimes, dates or texts; seconds; the beginning of a key; in any order; through upstreams."""
    find = slow_area.filter
    now = dt.datetime.now()
    hour = dt.timedelta(hours=1)
    assert find(info__started__gte=now - hour).count() == 3 == find(info__started__lt=now.astimezone()).count()
    assert find(info__started__gte=(now - hour).isoformat()).count() == 3
    assert find(info__started__range=(now.date(), now + hour)).count() == 3 or now.hour == 0
    assert find(info__started__gte=now.date() + dt.timedelta(days=1)).count() == 0
    assert sides(find(info__seconds__gt=0.015)) == [3.0]
    assert sides(find(info__key__startswith=slow_area.key_of(2.0)[:12])) == [2.0]
    assert find(info__function="slow_area").count() == 3
    assert slow_area.select().order_by("-info__seconds")[0].side == 3.0
    assert [rec.square.side for rec in doubled.filter(square__info__seconds__gt=0.015)] == [3.0]
    assert doubled.select().order_by("-square__info__seconds")[0].square.side == 3.0
    assert [rec.square.side for rec in doubled.select().order_by("square__info__started")] == [1.0, 2.0, 3.0]
    assert doubled.filter(square__info__status="done").count() == 3


def test_failed_calls_are_found_by_it_as_well() -> None:
    """A status that is asked for is seen, with what the failed call ran in."""
    slow_area.sweep(side=[-1.0, 1.0], progress=False)
    failed = slow_area.filter(info__status="failed", info__packages__numpy=np.__version__)
    assert sides(failed) == [-1.0]


def test_a_parameter_called_info_is_the_users() -> None:
    """Its upstream's names go on from it; what is known about the calls is found all the same."""
    summed.sweep(info__square__side=[1.0, 3.0], other=[0.0, 1.0], progress=False)
    assert summed.filter(info__factor=2.0).count() == 4
    assert summed.filter(info__square__side=3.0, info__status="done").count() == 2
    assert summed.filter(info__square__info__seconds__gt=0.015).count() == 2
    assert summed.filter(info__info__status="done", info__host=socket.gethostname()).count() == 4
    assert summed.select().order_by("-info__square__info__seconds")[0].side == 3.0


@pytest.mark.parametrize(
    ("written", "value", "message"),
    [
        ("info__hots", "x", "info has no look-up 'hots'; did you mean 'host'"),
        (
            "info__packages__nunpy",
            "1",
            "no stored call reaches a package that is imported as 'nunpy', and none is installed; did you mean 'numpy'",
        ),
        ("info__packages", "1", "info has no look-up 'packages'"),
        ("info__git__comit", "1", "did you mean 'git__commit'"),
        ("info__host__stratswith", "1", "'info__host' has no look-up 'stratswith'; did you mean 'startswith'"),
        ("square__info__secnds__gt", 1, "did you mean 'seconds'"),
        ("sqare__info__seconds", 1, "doubled has no 'sqare__info__seconds'"),
        ("info__packages__numpy", 2.4, "a version as a text: '2.4.6'; got 2.4"),
        ("info__packages__numpy__gte", "new", "a version as a text"),
        ("info__git__dirty", "yes", "True or False; got 'yes'"),
        ("info__seconds__gt", "1", "is a number; got '1'"),
        ("info__seconds", True, "is a number; got True"),
        ("info__started__gte", "yesterday", "a datetime, a date, or one as a text"),
        ("info__started__range", [1], "needs a pair"),
    ],
)
def test_what_is_misspelled_or_of_another_kind_is_an_error(
    stored: None, written: str, value: object, message: str
) -> None:
    """Never an empty answer: the choices are named, and what kind of value is meant."""
    with pytest.raises((UnknownName, SweepableError)) as raised:
        doubled.filter(**{written: value})
    assert message in str(raised.value)


def test_what_has_no_order_is_not_ordered_by(stored: None) -> None:
    """A call may have several repositories; a name that nothing has is an error here too."""
    with pytest.raises(SweepableError, match="several repositories"):
        slow_area.select().order_by("info__git__commit")
    with pytest.raises(UnknownName, match="did you mean 'started'"):
        slow_area.select().order_by("-info__startd")


def test_a_large_store_is_searched_by_its_few_environments(stored: None, store_path: Path) -> None:
    """What a call ran in is read once for all calls that ran in it."""
    plan = slow_area.filter(info__packages__numpy=np.__version__)._plan()
    statement = plan._statement
    steps = [row[3] for row in rows(store_path, f"EXPLAIN QUERY PLAN {statement.sql()}", *statement.values)]
    assert not any("CORRELATED" in step for step in steps)
    assert any(step.startswith("SEARCH e USING COVERING INDEX") for step in steps)


# -- what another environment means


class Lab:
    """A script that uses a package, run in one version of it after the other."""

    def __init__(self, run_script: RunScript, site: Path) -> None:
        self._run_script = run_script
        self._site = site

    def run(self, version: str, uses: str, option: str = "", **how: Any) -> tuple[str, int, str]:
        """What a script printed, how often the function ran, and what was warned of."""
        install(self._site / "site-packages", "lib", version, said=how.pop("said", True))
        files = {"lab.py": USES.replace("{option}", option)}
        done = self._run_script(f"from lab import *\n{uses}", files=files, cwd=self._site, **how)
        errors = done.stderr.splitlines()
        warned = [line for line in errors if "OtherEnvironment" in line]
        assert len(warned) <= 1, "said more than once"
        return done.stdout.strip(), errors.count("runs"), "".join(warned)


@pytest.fixture
def lab(run_script: RunScript, tmp_path: Path) -> Lab:
    return Lab(run_script, tmp_path / "lab")


CALLS = """
runs = sim.sweep(x=[4.0, 5.0], progress=False)
print(sim(1.0), sim(2.0), evaluate.get_or_run(sim_result__x=3.0).value, len(runs))
"""


def test_results_of_another_version_are_served_and_it_is_said_once(lab: Lab) -> None:
    """By default one warning per function and process names the package, both versions, and the way out."""
    assert lab.run("1.0", CALLS) == ("2.0 4.0 7.0 2", 5, "")
    printed, runs, warned = lab.run("2.0", CALLS)
    assert (printed, runs) == ("2.0 4.0 7.0 2", 0)
    assert "sim: results that are served were computed with other versions of packages: lib 1.0, now 2.0" in warned
    assert "environment=['lib']" in warned and "sim.filter(info__packages__lib='1.0')" in warned
    earlier = "[rec.x for rec in sim.filter(info__packages__lib='1.0', x__lt=3.0)]"
    found = f"print({earlier}, sim.filter(info__packages__lib__gt='1.5').count())"
    assert lab.run("2.0", found) == ("[1.0, 2.0] 0", 0, "")
    assert lab.run("1.0", CALLS) == ("2.0 4.0 7.0 2", 0, "")


@pytest.mark.parametrize(
    "uses",
    [
        "sim.sweep(x=[1.0, 2.0], progress=False)",
        "sim.get_or_run(1.0)",
        "sim.peek(1.0)",
        "sim.sweep(x=[1.0, 2.0, 3.0], progress=False, n_jobs=2)",
        "evaluate.sweep(sim_result__x=[1.0, 2.0], progress=False, n_jobs=2)",
    ],
)
def test_it_is_said_however_results_are_served(lab: Lab, uses: str) -> None:
    """By sweeps, in this process or in workers, by Records, and as an upstream of what runs."""
    lab.run("1.0", "sim.sweep(x=[1.0, 2.0], progress=False)")
    lab.run("1.5", "sim.sweep(x=[1.0], progress=False)")
    assert "lib 1.0, now 2.0" in lab.run("2.0", uses)[2]


def test_nothing_is_said_where_it_is_to_be_ignored_or_the_package_is_not_reached(lab: Lab) -> None:
    """``environment="ignore"`` is silent; so is a function that does not use the package."""
    option = '(environment="ignore")'
    lab.run("1.0", CALLS, option)
    assert lab.run("2.0", CALLS, option) == ("2.0 4.0 7.0 2", 0, "")
    other = "@sweepable.cache\ndef plain(x=1.0):\n    return x\nprint(plain())"
    assert lab.run("1.0", other)[2] == "" and lab.run("2.0", other) == ("1.0", 0, "")


@pytest.mark.parametrize(
    ("option", "said"),
    [('(environment="strict")', True), ('(environment="strict")', False), ('(environment=["lib"])', True)],
)
def test_strict_results_of_another_version_run_again_and_stay_side_by_side(lab: Lab, option: str, said: bool) -> None:
    """Going back to the former version hits; both are there; whether or not the module says its version."""
    assert lab.run("1.0", CALLS, option, said=said) == ("2.0 4.0 7.0 2", 5, "")
    assert lab.run("1.0", CALLS, option, said=said, hashseed=7) == ("2.0 4.0 7.0 2", 0, "")
    assert lab.run("2.0", CALLS, option, said=said)[:2] == ("2.0 4.0 7.0 2", 5)
    assert lab.run("1.0", CALLS, option, said=said) == ("2.0 4.0 7.0 2", 0, "")
    printed, _, _ = lab.run("2.0", "print(sim.select(version='any').count(), sim.select().count())", option, said=said)
    assert printed == "10 5"


def test_explain_names_the_package_that_is_another(lab: Lab) -> None:
    """A miss for the sake of a package says which, and both versions."""
    option = '(environment="strict")'
    lab.run("1.0", "sim(1.0)", option)
    assert "package lib, used by sim: 1.0 -> 2.0" in lab.run("2.0", "print(sim.explain(1.0))", option)[0]


def test_strict_counts_what_is_named_and_only_that(lab: Lab) -> None:
    """Other packages are neither counted nor spoken of; what is not installed is."""
    lab.run("1.0", "sim(1.0)", '(environment=["numpy"])')
    assert lab.run("2.0", "print(sim(1.0))", '(environment=["numpy"])') == ("2.0", 0, "")
    done = lab._run_script(
        "from lab import *\nsim(1.0)",
        cwd=lab._site,
        files={"lab.py": USES.replace("{option}", '(environment=["nunpy"])')},
    )
    assert "environment= names 'nunpy', but no such package is installed" in done.stderr


def test_strict_is_for_the_function_itself(lab: Lab) -> None:
    """What takes its results as an upstream runs again with them, as their keys are others; what calls it does not."""
    calls = """
@sweepable.cache
def above(x):
    print("above", flush=True)
    return sim(x) + 1
print(above(1.0), evaluate.get_or_run(sim_result__x=1.0).value)
"""
    option = '(environment="strict")'
    assert lab.run("1.0", calls, option)[:2] == ("above\n3.0 3.0", 1)
    assert lab.run("2.0", calls, option)[:2] == ("3.0 3.0", 1)


def test_workers_agree_with_their_parent(lab: Lab) -> None:
    """What strict workers store, the parent finds; a worker with another version refuses, and says which."""
    option = '(environment="strict")'
    sweep = "print(sim.sweep(x=[1.0, 2.0, 3.0], progress=False, n_jobs=2).counts['run'], sim(1.0))"
    assert lab.run("1.0", sweep, option)[0] == "3 2.0"
    assert lab.run("1.0", sweep, option)[0] == "0 2.0"
    elsewhere = """
import lib
lib.__version__ = "1.1"
runs = sim.sweep(x=[1.0, 2.0, 3.0], progress=False, n_jobs=2)
print(runs.counts)
"""
    done = lab._run_script(f"from lab import *\n{elsewhere}", cwd=lab._site)
    assert "'pending': 3" in done.stdout
    assert "package lib: 1.1 there, 1.0 here" in done.stderr


def test_another_python_is_another_version_where_that_counts() -> None:
    """Major and minor numbers; a bug-fix release counts for nothing."""
    from sweepable.identity.installed import Counted

    digest = b"\0" * 32
    assert [node.summary for node in Counted("strict", ()).nodes()] == [".".join(platform.python_version_tuple()[:2])]
    assert Counted("strict", ()).added_to(digest) != digest == Counted("note", ("numpy",)).added_to(digest)
    assert Counted(("python",), ("numpy",)).added_to(digest) == Counted("strict", ()).added_to(digest)
    assert len({Counted(("numpy",), ()).added_to(digest), Counted("strict", ("numpy",)).added_to(digest), digest}) == 3


@pytest.mark.parametrize("option", ["environment", "packages"])
def test_a_package_that_is_loaded_anew_is_seen(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    """In a running session too: the version that counts is that of what is loaded."""

    @sweepable.cache(**{option: ["numpy"]})
    def f(x: float = 1.0) -> float:
        return float(np.sin(x))

    @sweepable.cache
    def caller(x: float = 1.0) -> float:
        return f(x)

    before, above = f.key_of(), caller.key_of()
    with monkeypatch.context() as patched:
        patched.setattr(np, "__version__", "0.1")
        assert f.key_of() != before
        assert (caller.key_of() != above) == (option == "packages")
    assert f.key_of() == before and caller.key_of() == above


def test_a_package_that_is_installed_and_loaded_later_is_seen(run_script: RunScript, tmp_path: Path) -> None:
    """One that was replaced on disk before the body imports it: what counts is what ran."""
    site = tmp_path / "site-packages"
    install(site, "lib", "1.0", said=False)
    source = f"""
        import sys
        sys.path[:0] = [{str(site)!r}, {str(Path(__file__).parent)!r}]
        from pathlib import Path
        import sweepable
        from test_environment import install

        @sweepable.cache(environment="strict")
        def f(x=1.0):
            from lib import scale
            return scale(x)

        before = f.key_of(2.0)
        install(Path({str(site)!r}), "lib", "2.0", said=False)
        print(f(2.0), f.key_of(2.0) != before, f(2.0), f.get_or_run(2.0).info.packages)
        print(sorted(rec.info.status for rec in f.select(version="any").filter(info__status__in=["done", "tainted"])))
    """
    done = run_script(source, hashseed=1)
    assert done.stdout.splitlines() == ["4.0 True 4.0 {'lib': '2.0'}", "['done', 'tainted']"]
    assert "TaintedCall" in done.stderr


@pytest.mark.parametrize("option", ['environment="strict"', 'environment=["lib"]', 'packages=["lib"]', ""])
def test_a_version_is_the_same_before_and_after_a_package_is_loaded(
    run_script: RunScript, tmp_path: Path, option: str
) -> None:
    """Also where the module says less of its version than what is installed: no call is tainted, the next one hits."""
    site = tmp_path / "site-packages"
    install(site, "lib", "4.8.0.76")
    write_files(site, {"lib/__init__.py": "__version__ = '4.8.0'\ndef scale(x):\n    return 2 * x\n"})
    source = f"""
        import sys
        sys.path.insert(0, {str(site)!r})
        import sweepable

        @sweepable.cache({option})
        def f(x=1.0):
            from lib import scale
            print("runs")
            return scale(x)

        print(f(2.0), f(2.0))
    """
    first, second = (run_script(source, hashseed=seed) for seed in (1, 2))
    assert (first.stdout.split(), second.stdout.split()) == (["runs", "4.0", "4.0"], ["4.0", "4.0"])
    assert first.stderr == second.stderr == ""


def test_a_pinned_version_may_count_packages_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pin stands for the code; packages count beside it."""

    def f(x: float = 1.0) -> float:
        return x

    pinned = sweepable.cache(f, version="1")
    before = sweepable.cache(f, version="1", environment=["numpy"]).key_of()
    assert pinned.key_of() != before
    monkeypatch.setattr(np, "__version__", "0.1")
    assert before != sweepable.cache(f, version="1", environment=["numpy"]).key_of() != pinned.key_of()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"environment": "numpy"}, r"environment='numpy' may be 'note', .* environment=\['numpy'\]"),
        ({"environment": 3}, "environment is an option of sweepable.cache, and takes"),
        ({"environment": [np]}, "takes names of packages, got <module 'numpy'"),
        ({"environment": "strict", "version": "1"}, "name the packages"),
        ({"environmnt": "note"}, "Did you mean environment="),
    ],
)
def test_a_wrong_environment_is_an_error(options: dict[str, Any], message: str) -> None:
    """The choices are named, and how a package is."""
    with pytest.raises(sweepable.DeclarationError, match=message):
        sweepable.cache(lambda x: x, **options)


def test_the_default_does_not_change_a_version() -> None:
    """Only who asks for it has the environment in the key."""

    def f(x: float = 1.0) -> float:
        return float(np.sin(x))

    keys = {sweepable.cache(f, environment=option).key_of() for option in ("note", "ignore", None)}
    assert keys == {sweepable.cache(f).key_of()}
    assert sweepable.cache(f, environment="strict").key_of() not in keys
