"""The generated files of the chart: what is large, and what goes with the code. Pure.

The templates that are written by hand stand next to them in ``deploy/chart/templates``.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import yaml

from environment_operator import __version__
from environment_operator.api import names
from environment_operator.kinds.table import Kind
from environment_operator.manifests import chart_values, rbac, webhook_configurations
from environment_operator.manifests.crd import definition
from environment_operator.manifests.policies import objects as policies
from environment_operator.manifests.writing import render

Object = dict[str, Any]
FOLDER = "deploy/chart"
# Lines that become actions of the template, once the objects around them are text.
_MARKS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"^ *- '@if:(.*)'$", lambda found: f"{{{{- if {found[1].replace(':', ' ')} }}}}"),
    (r"^ *- '@end'$", "{{- end }}"),
    (
        r"clientConfig: '@client (\S+)'$",
        r'clientConfig: {{- include "environment-operator.client" (list . "\1") | nindent 4 }}',
    ),
    (
        r"^( *)annotations: '@trust'$",
        r'\1{{- with include "environment-operator.trust" . }}{{ . | indent 2 }}{{ end }}',
    ),
    (
        r"^( *)kinds[.]yaml: '@kinds'$",
        r'\1kinds.yaml: | {{- include "environment-operator.kinds" . | trim | default "[]" | nindent 4 }}',
    ),
)
# What is left out where nobody wants to require Environments.
_ENFORCEMENT = {f"{names.GROUP}-enforce", f"{names.GROUP}-enforce-label"}


def files(rows: tuple[Kind, ...]) -> dict[str, str]:
    """Return the generated files by their paths, for a kinds table."""
    made = templates(rows)
    crd = definition()
    crd["metadata"]["annotations"] = {**crd["metadata"].get("annotations", {}), "helm.sh/resource-policy": "keep"}
    return {
        f"{FOLDER}/Chart.yaml": render([_chart()]),
        f"{FOLDER}/values.yaml": _HEAD + chart_values.values_yaml(),
        f"{FOLDER}/values.schema.json": json.dumps(chart_values.schema(), indent=2) + "\n",
        f"{FOLDER}/README.md": _README.format(table=chart_values.table()),
        f"{FOLDER}/templates/crd.yaml": _under(".Values.crds.enabled", _text(render([crd]))),
        f"{FOLDER}/templates/_settings.tpl": _settings(),
        **{f"{FOLDER}/templates/{name}.yaml": _or_further(key, text) for (name, key), text in made.items()},
    }


def templates(rows: tuple[Kind, ...]) -> dict[tuple[str, str], str]:
    """Return what depends on the kinds table, as templates: each by its file, and by the value that may replace it."""
    made = {
        ("kinds", "rights"): map(_switched_role, rbac.objects(rows)),
        ("policies", "policies"): _switched_policies(policies(rows)),
        ("webhooks", "webhooks"): map(_switched_webhooks, webhook_configurations.objects(rows)),
    }
    return {key: "---\n".join(_document(each, when) for each, when in found) for key, found in made.items()}


def further(rows: tuple[Kind, ...], text: str) -> str:
    """Return the values of a chart with further kinds.

    Args:
        rows: the kinds table with them.
        text: their rows, as they were given.
    """
    made = {key: found for (_, key), found in templates(rows).items()}
    return yaml.safe_dump({"kinds": {"further": {"rows": text, **made}}}, sort_keys=False, width=10_000)


def _chart() -> Object:
    """Return ``Chart.yaml``."""
    return {
        "apiVersion": "v2",
        "name": names.SERVICE,
        "description": "Environments for AI workloads on Kubernetes: written once, used by name.",
        "type": "application",
        "version": __version__,
        "appVersion": __version__,
        "kubeVersion": ">=1.33.0-0",
    }


def _switched_role(found: Object) -> tuple[Object, str]:
    """Return an object of the rights with a switch around what is about one group of kinds."""
    if found["kind"] == "ClusterRole":
        found["rules"] = list(_switched(found["rules"]))
    if found["metadata"]["name"] == rbac.CONFIGURATIONS:
        # Who does not make the certificate does not have it trusted.
        return found, 'eq .Values.certificates.source "self"'
    if found["kind"] == "ConfigMap":
        found["data"] = dict.fromkeys(found["data"], "@kinds")
    return found, ""


def _switched_policies(found: Iterable[Object]) -> Iterator[tuple[Object, str]]:
    """Yield the policies, each followed by its binding, with switches around rules, and when there is one at all."""
    when = ""
    for each in found:
        if rules := each["spec"].get("matchConstraints", {}).get("resourceRules"):
            when = (
                ".Values.enforcement.enabled" if each["metadata"]["name"] in _ENFORCEMENT else _enabled(_groups(rules))
            )
            each["spec"]["matchConstraints"]["resourceRules"] = list(_switched(rules))
        yield each, when


def _switched_webhooks(found: Object) -> tuple[Object, str]:
    """Return a webhook configuration, whose entries call a Service or a URL, and when there is one."""
    every = {group for entry in found["webhooks"] for group in _groups(entry["rules"])}
    for entry in found["webhooks"]:
        entry["clientConfig"] = f"@client {entry['clientConfig']['service']['path']}"
    found["metadata"]["annotations"] = "@trust"
    found["webhooks"] = [each for entry in found["webhooks"] for each in _switched_entry(entry)]
    return found, _enabled(every)


def _switched_entry(entry: Object) -> Iterator[Any]:
    """Yield an entry of a configuration between the marks for its groups, and its rules between those for each."""
    when = _enabled(_groups(entry["rules"]))
    several = len(_groups(entry["rules"])) > 1
    switched = {**entry, "rules": list(_switched(entry["rules"]))} if several else entry
    yield from [_mark(when), switched, "@end"] if when else [switched]


def _switched(rules: Iterable[Object]) -> Iterator[Any]:
    """Yield rules, those of groups that can be switched off between the marks for that."""
    for rule in rules:
        when, groups = _enabled(_groups([rule])), rule["apiGroups"]
        each = [part for group in groups for part in _switched_group(group)] if len(groups) > 1 else groups
        switched = {**rule, "apiGroups": each}
        yield from [_mark(when), switched, "@end"] if when else [switched]


def _switched_group(group: str) -> list[str]:
    """Return one of several groups of a rule, between the marks for it where it can be switched off."""
    when = _enabled({group})
    return [_mark(when), group, "@end"] if when else [group]


def _mark(when: str) -> str:
    """Return the mark of a condition, without spaces, at which a line would be folded."""
    return f"@if:{when.replace(' ', ':')}"


def _groups(rules: Iterable[Object]) -> set[str]:
    """Return the API groups of some rules."""
    return {group for rule in rules for group in rule["apiGroups"]}


def _enabled(groups: set[str]) -> str:
    """Return the condition under which kinds of one of some groups can use Environments; empty when some always can."""
    if not groups <= chart_values.GROUPS.keys():
        return ""
    words = sorted({chart_values.GROUPS[group] for group in groups})
    values = [f".Values.kinds.{word}.enabled" for word in words]
    return values[0] if len(values) == 1 else f"or {' '.join(values)}"


def _document(found: Object, when: str) -> str:
    """Return the template of one object."""
    return _under(when, _text(render([found]).partition("\n")[2]))


def _under(when: str, text: str) -> str:
    """Return a template that is there under a condition."""
    return f"{{{{- if {when} }}}}\n{text}{{{{- end }}}}\n" if when else text


def _or_further(key: str, text: str) -> str:
    """Return a template in place of which there may be one that was generated with further kinds."""
    value = f".Values.kinds.further.{key}"
    head = "{{/* Generated by `make generate`; do not edit. */}}\n"
    return f"{head}{{{{- if {value} }}}}\n{{{{ tpl {value} . }}}}\n{{{{- else }}}}\n{text}{{{{- end }}}}\n"


def _text(text: str) -> str:
    """Return YAML as a template: nothing of it is an action but our own marks and the namespace."""
    text = re.sub(r"\{\{", '{{ "{{" }}', text)
    for mark, action in _MARKS:
        text = re.sub(mark, action, text, flags=re.MULTILINE)
    # A namespace may look like a number.
    text = re.sub(rf"(: |- ){names.SYSTEM_NAMESPACE}$", rf'\1"{names.SYSTEM_NAMESPACE}"', text, flags=re.MULTILINE)
    return text.replace(names.SYSTEM_NAMESPACE, "{{ .Release.Namespace }}")


def _settings() -> str:
    """Return the template of the variables of the programs: those that are not what they are when nobody sets them."""
    groups = (f"{group}: {word}" for group, word in chart_values.GROUPS.items())
    lines = ["{{/* Generated by `make generate`; do not edit. */}}", '{{- define "environment-operator.groups" -}}']
    lines += [*groups, "{{- end }}", "", '{{- define "environment-operator.settings" -}}']
    for path, variable, default in chart_values.settings():
        value = f".Values.{path} | toString"
        lines += [f"{{{{- if ne ({value}) {json.dumps(default)} }}}}"]
        lines += [f"- {{name: {variable}, value: {{{{ {value} | quote }}}}}}", "{{- end }}"]
    return "\n".join([*lines, "{{- end }}"]) + "\n"


_HEAD = "# Generated by `make generate` from the code; README.md has them as a table.\n"
_README = """# Chart of the Environment operator

```console
helm install environment-operator deploy/chart --namespace environments-system --create-namespace \\
  --set image.repository=registry.example.com/environment-operator
```

One installation serves a cluster: its objects have the same names however the release is called, and Helm refuses a
second release. Any namespace will do. [Installing](../README.md) says how to upgrade and uninstall.

## Values

{table}"""
