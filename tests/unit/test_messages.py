"""Every message that people read: all of them stand in one file, in one form."""

import pytest

from messages import FILE, Section, unsaid, written
from messages.form import faults
from messages.sections import SECTIONS

CONVERTED = [section for section in SECTIONS if section.CONVERTED]


def test_golden() -> None:
    """What the product writes is what the file holds."""
    assert FILE.read_text() == written(SECTIONS)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.TITLE)
def test_every_sentence_has_a_situation(section: Section) -> None:
    """No sentence of the modules that a section covers is without a row that brings it."""
    assert [] == unsaid(section)


@pytest.mark.parametrize("section", CONVERTED, ids=lambda section: section.TITLE)
def test_form(section: Section) -> None:
    """A message has the one form: what is wrong, in one quoting and Kubernetes' words, and the way out last."""
    found = {word: list(faults(made(), way_out=word not in section.NO_WAY_OUT)) for word, made in section.ROWS.items()}
    assert {} == {situation: wrong for situation, wrong in found.items() if wrong}


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("the Environment 'x' is gone. Create it.", "has a quotation in single quotes"),
        ("Environment x is gone. Create it", "does not end with a period"),
        ("Environment x is gone.", "has no way out as its last sentence"),
        ("Environment x guards Image. Remove it.", "has the word guards"),
        (f"{'a' * 300} is too long. Shorten it.", "has 325 characters, at most 300 are allowed"),
        ("a is wrong. Use one with Tools in spec.overridable.", "names Tools, which spec.overridable does not accept"),
        ("a is wrong. Set environments.dev/no.", "names environments.dev/no, which means nothing"),
    ],
)
def test_what_has_another_form(message: str, fault: str) -> None:
    """Each way to have another form is found."""
    assert [fault] == list(faults(message))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.TITLE)
def test_no_stray_exceptions(section: Section) -> None:
    """Only situations that there are can be without a way out."""
    assert set() == set(section.NO_WAY_OUT) - set(section.ROWS)
