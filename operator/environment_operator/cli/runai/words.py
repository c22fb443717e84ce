"""Words of Run:ai → ours: names, enumerations, and commands in one string. Pure."""

import re
import shlex
from collections.abc import Collection

TOOLS = {
    "jupyter-notebook": "JupyterNotebook",
    "pycharm": "PyCharm",
    "visual-studio-code": "VisualStudioCode",
    "tensorboard": "TensorBoard",
    "rstudio": "RStudio",
    "mlflow": "MLflow",
    "custom": "Custom",
    "matlab": "Matlab",
    "chatbot-ui": "ChatbotUI",
    "wandb": "WeightsAndBiases",
    "comet": "Comet",
}
CONNECTIONS = {"ExternalUrl": "ExternalURL", "NodePort": "NodePort", "LoadBalancer": "LoadBalancer"}
FRAMEWORKS = {"MPI": "MPI", "PyTorch": "PyTorch", "TF": "TensorFlow", "XGBoost": "XGBoost", "JAX": "JAX"}
USERS = {"fromTheImage": "Image", "fromIdpToken": "IdPToken", "idpToken": "IdPToken", "custom": "Custom"}
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ash"})
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def name(text: str, longest: int = 63) -> str:
    """Return a text as the name of an object: small letters, digits and single hyphens; empty when none is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:longest].rstrip("-")


def words(line: str) -> list[str]:
    """Return the words of a command line as a shell splits them.

    Raises:
        ValueError: a quote is not closed.
    """
    return shlex.split(line)


def runs_shell(command: Collection[str]) -> bool:
    """Return whether a command hands its text to a shell, which replaces variables itself."""
    return any(word.rpartition("/")[2] in _SHELLS for word in command)


def unknown_variables(text: str, known: Collection[str]) -> list[str]:
    """Return the variables in a text that nobody sets."""
    return [variable for variable in _VARIABLE.findall(text) if variable not in known]
