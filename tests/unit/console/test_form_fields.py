"""The form that comes of the schema: a field of the model is a field of the form, without further code."""

from typing import Annotated, Any

import pytest
from pydantic import Field as Declared

from environment_operator.api.types import Line, Model, Subdomain, items
from environment_operator.api.v1alpha1 import EnvironmentSpec
from environment_operator.console import rendering
from environment_operator.console.forms import fields, steps, values
from environment_operator.console.forms.fields import Field, Widget
from environment_operator.console.forms.values import Control
from fields import dotted, leaves


class Mount(Model):
    """A claim that a pod mounts."""

    claim: Subdomain = Declared(description="Name of the claim.")
    read_only: bool | None = Declared(None, description="True: it cannot be written.")


class Wider(EnvironmentSpec):
    """The spec of a later version."""

    shm_size: Line | None = Declared(None, description="Size of the shared memory.")
    mounts: Annotated[list[Mount], items(8, list_type="map", key="claim")] | None = Declared(
        None, description="Claims that are mounted."
    )


def found(form: Field, path: str) -> Field:
    """Return the field at a path, of an item where there is a list."""
    for key in path.split("."):
        holder = form.item or form
        form = next(each for each in holder.fields if each.name == key)
    return form


def html(control: Control) -> str:
    """Return a control as it is written into a page."""
    template = '{% from "fields.html" import show with context %}{{ show(control) }}'
    return rendering._TEMPLATES.from_string(template).render(control=control, fixed=())  # noqa: SLF001 - as it is


def test_what_is_written_is_escaped() -> None:
    """A value cannot become a part of the page, wherever it stands."""
    evil = '"></textarea><script>alert(1)</script>'
    item = {"spec": {"image": evil, "args": [evil], "workloadTypes": [evil], "architecture": evil}}
    form = values.control(fields.form(), item)
    page = "".join(html(each) for part in form.parts for each in part.parts)

    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4


def test_each_field_of_the_model_is_in_the_form() -> None:
    """All that the models hold can be entered, with its description as help."""
    form = fields.form()
    assert [] == [dotted(path) for path in leaves() if not found(form, f"spec.{dotted(path)}").help]


@pytest.mark.parametrize(
    ("path", "widget"),
    [
        ("metadata.name", Widget.LINE),
        ("spec.scope", Widget.PART),
        ("spec.scope.cluster", Widget.FLAG),
        ("spec.scope.projects", Widget.WORDS),
        ("spec.framework", Widget.CHOICE),
        ("spec.workloadTypes", Widget.CHOICES),
        ("spec.image", Widget.LINE),
        ("spec.tools", Widget.PARTS),
        ("spec.tools.containerPort", Widget.NUMBER),
        ("spec.args", Widget.ROWS),
        ("spec.env.value", Widget.TEXT),
        ("spec.user.supplementalGroups", Widget.WORDS),
        ("spec.readinessProbe.exec.command", Widget.ROWS),
    ],
)
def test_how_it_is_entered(path: str, widget: Widget) -> None:
    """The type and the bounds in the schema decide how a value is entered."""
    assert widget == found(fields.form(), path).widget


def test_what_a_field_knows() -> None:
    """Bounds, choices, the grammar with its meaning, and what is required come from the schema."""
    port, image = found(fields.form(), "spec.tools.containerPort"), found(fields.form(), "spec.image")
    projects = found(fields.form(), "spec.scope.projects")

    assert (1, 65535, False) == (port.least, port.most, port.required)
    assert (1, 1024, True) == (image.least, image.most, image.required)
    assert image.rule.startswith("Write [registry/]name")
    assert "[a-z0-9]([-a-z0-9]*[a-z0-9])?" == projects.pattern
    assert ("Always", "IfNotPresent", "Never") == found(fields.form(), "spec.imagePullPolicy").choices
    assert ["Command", "Args", "Env"] == found(fields.form(), "spec.overridable").default


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("imagePullPolicy", "Image pull policy"),
        ("hostIPC", "Host IPC"),
        ("uid", "UID"),
        ("httpGet", "HTTP get"),
        ("createHomeDir", "Create home directory"),
        ("env", "Variables"),
    ],
)
def test_labels(name: str, label: str) -> None:
    """A key in words is its label."""
    assert label == fields.label(name)


def test_a_field_that_is_added_to_the_model() -> None:
    """It appears in the form, with its help, its items and its parts, and what is entered reaches the Environment."""
    form = fields.form(Wider)
    item: dict[str, Any] = {"metadata": {"name": "a"}, "spec": {"image": "a"}}
    item = values.acted(form, item, "add", "spec.mounts")
    sent = {"spec.shmSize": ["1Gi"], "spec.mounts[0].claim": ["data"], "spec.mounts[0].readOnly": ["true"]}
    more = list(steps.steps(values.control(form, item)))[-1]

    page = "".join(html(each) for each in more.controls)
    assert 'name="spec.shmSize"' in page
    assert "Size of the shared memory." in page
    assert 'value="add:spec.mounts"' in page
    assert 'name="spec.mounts[0].readOnly"' in page
    assert {"Shm size": "Size of the shared memory.", "Mounts": "Claims that are mounted."}.items() <= {
        each.field.label: each.field.help for each in more.controls
    }.items()
    assert {"image": "a", "shmSize": "1Gi", "mounts": [{"claim": "data", "readOnly": True}]} == values.filled(
        form, item, sent
    )["spec"]


def test_each_field_is_in_one_step() -> None:
    """The steps of the original come in its order; what none of them names is in the last one."""
    form = values.control(fields.form(), {})
    shown = [each.at for step in steps.steps(form) for each in step.controls]

    assert sorted(each.at for part in form.parts for each in part.parts) == sorted(shown)
    assert ("Scope", "Name", "Image") == tuple(step.title for step in steps.steps(form))[:3]
