"""No fault is left out, and whatever happens is told in words that help."""

import re

import pytest

from .cases import Case
from .makers import MAKERS, Maker
from .test_faults import TEXTS

BY_NAME = pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
# Texts that name a next step do it with one of these.
NEXT_STEP = {
    "en": re.compile(
        r"\b(ask|check|enter|try|wait|log out|open|unplug|tell|send|compare)\b",
        re.IGNORECASE,
    ),
    "de": re.compile(
        r"\b(bitten|fragen|prüfen|geben|versuchen|warten|melden|öffnen|ziehen) Sie\b|Sie können",
        re.IGNORECASE,
    ),
}


@BY_NAME
def test_every_fault(maker: Maker) -> None:
    """A switch without a case is one that no owner has met yet."""
    met = {case.fault for case in maker.cases}.union(*(c.also for c in maker.cases))
    assert maker.gateway.fault_table.keys() - met == set()


@BY_NAME
def test_cases_are_different(maker: Maker) -> None:
    """None is there twice."""
    names = [str(case) for case in maker.cases]
    assert sorted(names) == sorted(set(names))


def keys(case: Case) -> set[str]:
    """Return the errors of a case."""
    stop = case.stops[1] if case.stops else None
    later = "login_dropped" if case.gives_up else None
    return {key for key in (stop, case.error, case.at_start, later) if key}


@pytest.mark.parametrize("language", TEXTS)
@BY_NAME
def test_texts_name_cause_and_remedy(maker: Maker, language: str) -> None:
    """What went wrong, and what to do: two sentences at least, wherever it is shown."""
    texts = TEXTS[language]
    places = {
        "exceptions": {k: v["message"] for k, v in texts["exceptions"].items()},
        "config": texts["config"]["error"],
        "login": texts["config_subentries"]["login"]["error"],
    }
    for key in set().union(*map(keys, maker.cases)):
        for place, found in places.items():
            sentences = re.findall(r"[.;:!?](?: |$)", found[key])
            assert len(sentences) >= 2, f"{place} {key}"
            assert NEXT_STEP[language].search(found[key]), f"{place} {key}"


@pytest.mark.parametrize("language", TEXTS)
@BY_NAME
def test_issues_name_cause_and_remedy(maker: Maker, language: str) -> None:
    """The same for what is told without an error to look at."""
    texts = TEXTS[language]["issues"]
    for case in maker.cases:
        told = case.first_issues | case.issues | case.more_issues | case.in_time
        for issue in told | case.start_issues:
            text = texts[issue].get("description")
            if text is None:
                (step,) = texts[issue]["fix_flow"]["step"].values()
                text = step["description"]
            assert len(re.findall(r"[.;:!?](?:\s|$)", text)) >= 2, issue
            assert NEXT_STEP[language].search(text), issue
