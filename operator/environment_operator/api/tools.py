"""Tools of an Environment: what people connect to, on which port, and how."""

import re
from typing import Annotated, Literal

from pydantic import Field

from environment_operator.api.rules import Grammar, Rule, with_rules
from environment_operator.api.types import Line, Model, Port, ToolName

ToolType = Literal[
    "JupyterNotebook", "VisualStudioCode", "RStudio", "PyCharm", "Matlab", "TensorBoard", "MLflow", "ChatbotUI",
    "Custom", "WeightsAndBiases", "Comet",
]  # fmt: skip

EXTERNAL_TOOLS = ("WeightsAndBiases", "Comet")

# Ports that the tools' own documentation gives as default.
DEFAULT_PORTS: dict[str, int] = {
    "JupyterNotebook": 8888,
    "VisualStudioCode": 8080,
    "RStudio": 8787,
    "PyCharm": 8887,
    "Matlab": 8888,
    "TensorBoard": 6006,
    "MLflow": 5000,
    "ChatbotUI": 3000,
}

# A variable as people write it in command, arguments and URLs.
BRACES = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

# What of an address is visible and on one line, and so what a terminal and a browser take as it is written.
_VISIBLE = r"[^\s\\\x00-\x1f\x7f]"
WEB_ADDRESS = Grammar(
    rf"(https?://[^\s\\\x00-\x1f\x7f/?#@]+([/?#]{_VISIBLE}*)?|\$\{{[A-Za-z_][A-Za-z0-9_]*\}}{_VISIBLE}*|/{_VISIBLE}*)",
    "Write an address that begins with https:// or http://, or with a variable that holds one, without spaces.",
)

_EXTERNAL = f"self.type in {list(EXTERNAL_TOOLS)}"
_CONNECTION = "has(self.connection)"


def base_path_variable(tool: str) -> str:
    """Return the name of the variable of the container that has the path of a tool's URL."""
    return f"ENVIRONMENT_TOOL_{tool.upper().replace('-', '_')}_BASE_PATH"


class Connection(Model):
    """How people reach the tool."""

    model_config = with_rules(
        Rule(
            "!has(self.url) || self.type == 'ExternalURL'",
            "url is for connection type ExternalURL only. Remove it, or use that type.",
            ".url",
            "FieldValueForbidden",
            holds=lambda s: s.url is None or s.type == "ExternalURL",
        ),
        Rule(
            "!has(self.nodePort) || (self.type == 'NodePort' && has(self.assign) && self.assign == 'Custom')",
            "nodePort is for connection type NodePort with assign: Custom only. Remove it, or set both.",
            ".nodePort",
            "FieldValueForbidden",
            holds=lambda s: s.node_port is None or (s.type, s.assign) == ("NodePort", "Custom"),
        ),
        Rule(
            "!has(self.assign) || self.assign != 'Custom' || self.type in ['ExternalURL', 'NodePort']",
            "assign: Custom is for connection types ExternalURL and NodePort only. Remove it, or use one of them.",
            ".assign",
            holds=lambda s: s.assign != "Custom" or s.type in ("ExternalURL", "NodePort"),
        ),
    )

    type: Literal["ExternalURL", "NodePort", "LoadBalancer", "ClusterIP"] = Field(
        description="ExternalURL: a route of the cluster's gateway. NodePort, LoadBalancer, ClusterIP: a Service."
    )
    assign: Literal["Auto", "Custom"] | None = Field(
        None, description="Auto (default): the address is chosen for each workload. Custom: the submitter gives it."
    )
    url: Annotated[Line, WEB_ADDRESS] | None = Field(
        None, description="The address of an external tool, or the default of a custom one. Only with ExternalURL."
    )
    node_port: Port | None = Field(
        None, description="The default of a custom node port. Only with NodePort and assign Custom."
    )


def _url(tool: "Tool") -> str:
    """Return the URL of a tool, empty for none."""
    return (tool.connection and tool.connection.url) or ""


class Tool(Model):
    """A program in the image, or a service outside, that people connect to."""

    model_config = with_rules(
        Rule(
            f"!({_EXTERNAL}) || !has(self.containerPort)",
            "An external tool has no containerPort. Remove it.",
            ".containerPort",
            "FieldValueForbidden",
            holds=lambda s: s.type not in EXTERNAL_TOOLS or s.container_port is None,
        ),
        Rule(
            f"!({_EXTERNAL}) || ({_CONNECTION} && self.connection.type == 'ExternalURL' && has(self.connection.url))",
            "An external tool is reached by its url. Add a connection of type ExternalURL with url.",
            ".connection",
            "FieldValueRequired",
            holds=lambda s: s.type not in EXTERNAL_TOOLS or (_url(s) and s.connection.type == "ExternalURL"),
        ),
        Rule(
            f"!({_EXTERNAL}) || !{_CONNECTION} || !has(self.connection.url) || !self.connection.url.startsWith('/')",
            WEB_ADDRESS.message,
            ".connection.url",
            holds=lambda s: s.type not in EXTERNAL_TOOLS or not _url(s).startswith("/"),
        ),
        Rule(
            f"{_EXTERNAL} || !{_CONNECTION} || !has(self.connection.url)"
            " || (has(self.connection.assign) && self.connection.assign == 'Custom')",
            "url needs assign: Custom, since with Auto the address is chosen for each workload. "
            "Set assign: Custom, or remove url.",
            ".connection",
            holds=lambda s: s.type in EXTERNAL_TOOLS or not _url(s) or s.connection.assign == "Custom",
        ),
        Rule(
            "self.type != 'Custom' || has(self.containerPort)",
            "A tool of type Custom has no usual port. Add containerPort.",
            ".containerPort",
            "FieldValueRequired",
            holds=lambda s: s.type != "Custom" or s.container_port is not None,
        ),
    )

    name: ToolName = Field(description="Name of the tool, unique in the Environment. It names the container port.")
    type: ToolType = Field(
        description="What the tool is. WeightsAndBiases and Comet are outside the cluster and have a URL, not a port."
    )
    container_port: Port | None = Field(
        None, description="Port of the container. Default: the usual one of the type. Required for Custom."
    )
    connection: Connection | None = Field(
        None, description="How people reach it. Default: ExternalURL, assigned automatically."
    )

    @property
    def port(self) -> int | None:
        """The container port: the given one, else the default of the type, None for an external tool."""
        return self.container_port or DEFAULT_PORTS.get(self.type)
