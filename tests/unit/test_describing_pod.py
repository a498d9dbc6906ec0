"""The pod in which a project is described, as YAML; what travels into it, and what comes back in its log."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from bot import sandbox
from bot.sandbox import pods
from scheduler.describing import describer, why_not
from scheduler.errors import UserError
from scheduler.launchers import describer as describing
from scheduler.launchers import hermit, pod, seclusion, tenancy
from scheduler.launchers.seclusion import Allowed, Packed
from scheduler.settings import Settings

EXAMPLE = (Path(__file__).parents[2] / "config" / "kubernetes" / "operator.yaml").read_text()
DEFAULTS = tenancy.parse(EXAMPLE).defaults.model_copy(
    update={
        "env": {"WAREHOUSE": "prod"},
        "mounts": {"/keys": tenancy.Mount(host_path="/keys")},
        "labels": {"team": "data", pod.DOMAIN: "x", "app.kubernetes.io/name": "mine"},
        "node_selector": {"pool": "untrusted"},
    }
)
ALLOWED = Allowed(300.0, 4096, 32, 128, 256)
LARGE = Packed(bytes(seclusion.PART + 1), 3 * 1024 * 1024)
NAMED = "describing-0123456789abcdef0123456789abcdef"


def manifest() -> seclusion.Manifest:
    codes = ("meshbot-code-0123456789abcdef", f"{NAMED}-01234567")
    return seclusion.job(NAMED, LARGE, "a $(HOME) b", ALLOWED, DEFAULTS, codes)


def test_the_manifest(golden: Callable[[str, str], None]) -> None:
    golden("pods/describing.yaml", yaml.safe_dump(manifest(), sort_keys=False, width=120))


def test_there_is_nothing_in_it_to_take_and_it_is_no_run() -> None:
    made = manifest()
    text = yaml.safe_dump(made)
    spec = made["spec"]["template"]["spec"]
    assert not [word for word in ("secret", "env", "hostPath", "/keys", "WAREHOUSE", pod.RUN) if word in text]
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == made["metadata"]["labels"]["app.kubernetes.io/name"] == seclusion.NAME
    assert made["spec"]["parallelism"] == 0, "no pod before its tree is there"


def test_a_job_waits_for_the_parts_that_follow() -> None:
    names = seclusion.part_names(manifest())
    owner = {"metadata": {"name": NAMED, "namespace": "meshbot-runs", "uid": "u"}}
    made = [seclusion.part(owner, name, data) for name, data in zip(names, LARGE.parts, strict=True)]
    assert b"".join(base64.b64decode(one["binaryData"]["part"]) for one in made) == LARGE.data
    assert {one["metadata"]["ownerReferences"][0]["uid"] for one in made} == {"u"}


def test_the_name_is_that_of_all_that_decides_the_answer() -> None:
    one = (Packed(b"tree", 1), "shop", ALLOWED, "image:1", "code-1")
    others: list[tuple[Packed, str, Allowed, str, str]] = [
        (Packed(b"another", 1), *one[1:]),
        (one[0], "warehouse", *one[2:]),
        (*one[:2], Allowed(1.0, 1, 1, 1, 1), *one[3:]),
        (*one[:3], "image:2", "code-1"),
        (*one[:4], "code-2"),
    ]
    assert seclusion.name(*one) == seclusion.name(*one)
    assert len({seclusion.name(*each) for each in [one, *others]}) == 1 + len(others)


def test_a_tree_is_packed_the_same_each_time_and_unpacked_as_it_was(tmp_path: Path) -> None:
    tree, given, into = (tmp_path / name for name in ("tree", "given", "into"))
    (tree / "models").mkdir(parents=True)
    (tree / "models" / "a.sql").write_text("SELECT 1")
    (tree / "models" / "b.sql").symlink_to("a.sql")
    given.mkdir()
    into.mkdir()
    packed = describing.pack(tree)
    (tree / "models" / "a.sql").touch()
    assert packed == describing.pack(tree)
    assert packed is not None
    for number, start in enumerate(range(0, len(packed.data), 50)):
        (given / f"part-{number:03}").write_bytes(packed.data[start : start + 50])
    hermit.unpack(given, into)
    assert (into / "models" / "b.sql").read_text() == "SELECT 1"
    assert (into / "models" / "b.sql").is_symlink()
    assert (into / ".git").is_dir()
    with tarfile.open(fileobj=io.BytesIO(packed.data)) as archive:
        assert not [one for one in archive if one.mtime or one.uid]


def test_a_tree_that_is_too_large_is_not_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.sql").write_text("SELECT 1")
    monkeypatch.setattr(describing, "MOST_UNPACKED", 4)
    assert describing.pack(tmp_path) is None


def log(told: Mapping[str, object]) -> list[bytes]:
    return [f"{line}\n".encode() for line in hermit.answer_lines(told)]


def test_an_answer_is_found_whole_among_other_words_or_not_at_all() -> None:
    told = {"code": 0, "broken": None, "said": "", "answer": "x" * 100_000 + "ü"}
    lines = log(told)
    noise = [b"meshbot-answered: 00\n", b"words\n"]
    joined = b"".join([*noise, *lines])
    cut = [joined[start : start + 1000] for start in range(0, len(joined), 1000)]
    assert describing.read(cut, 1024 * 1024) == describing.Told(0, str(told["answer"]))
    assert describing.read(lines[:-1], 1024 * 1024) is None
    assert describing.read(lines[1:], 1024 * 1024) is None
    assert describing.read(cut, 10) is None, "a log that is too long is not read"
    assert describing.read(log({"code": 0}), 1024 * 1024) is None


def test_a_bomb_in_an_answer_does_not_go_off() -> None:
    bomb = {"code": 0, "broken": None, "said": "", "answer": "x" * 20_000_000}
    assert describing.read(log(bomb), 1024 * 1024) is None


def test_without_a_file_or_an_image_it_is_said_what_to_set(tmp_path: Path) -> None:
    bare = Settings(launcher="kubernetes")
    with pytest.raises(sandbox.NoSandbox, match=r"describing shop: .* set MESHBOT_KUBERNETES_FILE to a file like"):
        pods.describing(describer(bare))(tmp_path, "shop")
    assert "set MESHBOT_KUBERNETES_FILE" in str(sandbox.why_not(bare))
    file = tmp_path / "kubernetes.yaml"
    file.write_text("version: 1")
    assert "there is no image; name one" in str(why_not(Settings(launcher="kubernetes", kubernetes_file=file)))
    file.write_text(EXAMPLE)
    named = Settings(launcher="kubernetes", kubernetes_file=file)
    assert sandbox.why_not(named) is None
    assert sandbox.chosen(named)[1] == "image registry.example.com/data/sqlmesh:0.236.4"


def test_what_a_pod_says_has_the_words_of_the_sandbox(tmp_path: Path) -> None:
    def said(told: describing.Told) -> str:
        with pytest.raises(UserError) as caught:
            pods.describing(lambda *_: told)(tmp_path, "shop")
        return f"{type(caught.value).__name__}: {caught.value}"

    time = "time: it was not done after 300 s"
    assert said(describing.Told(1, broken=time)) == f"Broken: describing shop: stopped by the limit on {time}"
    words = "describing shop: stopped by the limit on memory: no more could be reserved"
    assert said(describing.Told(1, said=f"{words}; allow more with --memory-mb\n")) == f"Broken: {words}"
    assert said(describing.Told(2, said="describing /meshbot/repository/shop: no config.yaml")) == (
        "Refused: describing shop: no config.yaml"
    )
