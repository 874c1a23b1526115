"""The files for those who contribute are well-formed, and name what there is."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import pgcredits
from docs.blocks import console_commands
from support.paths import ROOT, page_name

if TYPE_CHECKING:
    from pathlib import Path

GITHUB = ROOT / ".github"
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))
#: What a package installed from its source distribution does not have: GitHub's files are for
#: those who have the repository.
pytestmark = pytest.mark.skipif(not GITHUB.is_dir(), reason="not the repository")


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_workflow_runs_what_ci_runs() -> None:
    steps = [
        step
        for job in read(GITHUB / "workflows" / "ci.yml")["jobs"].values()
        for step in job["steps"]
    ]

    assert [step for step in steps if ".ci/run" in step.get("run", "").splitlines()]
    assert (ROOT / ".ci" / "run").is_file()


def test_hooks_are_linters_of_ci() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    hooks = [
        hook for repo in read(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]
    ]

    assert len(hooks) == 6
    for hook in hooks:
        command = hook["entry"].removesuffix(" --force-exclude")
        assert re.search(rf"'{re.escape(command)}\b", ci), command


@pytest.mark.parametrize("form", FORMS, ids=page_name)
def test_a_form_of_an_issue_asks_for_something(form: Path) -> None:
    content = read(form)

    if form.stem == "config":
        assert all(link["url"].startswith("https://") for link in content["contact_links"])
    else:
        assert {"name", "description", "body"} <= content.keys()
        fields = [field for field in content["body"] if field["type"] != "markdown"]
        assert len({field["id"] for field in fields}) == len(fields)
        assert any(field.get("validations", {}).get("required") for field in fields)


def test_what_contributors_are_told_to_run_is_there() -> None:
    commands = console_commands(ROOT / "CONTRIBUTING.md")
    words = [word for command in commands for word in shlex.split(command)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    paths = [word for word in words if "/" in word and not word.startswith(".venv")]
    assert paths
    assert all((ROOT / path).exists() for path in paths), paths
    (extras,) = [re.fullmatch(r"\.\[(.*)\]", word) for word in words if word.startswith(".[")]
    assert extras is not None
    assert set(extras[1].split(",")) <= project["optional-dependencies"].keys()


def test_the_changelog_tells_of_this_version_and_of_what_comes() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (\S+)(?: - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)

    assert versions[0] == "Unreleased"
    # What is on its way to a version is told under Unreleased.
    assert (pgcredits.__version__ in versions) != (".dev" in pgcredits.__version__)
