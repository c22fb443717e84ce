"""Environment assets of Run:ai, as its API gives them → Environments, with what could not be carried over. Pure.

Source: the models of Run:ai's published Python client (runapy) and its OpenAPI description.
"""

from environment_operator.cli.runai.asset import Imported, imported

__all__ = ["Imported", "imported"]
