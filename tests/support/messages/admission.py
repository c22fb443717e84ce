"""With what admission refuses a workload or an Environment."""

from collections.abc import Callable, Collection, Mapping
from types import ModuleType

from messages.stage import changed, jupyter, made, main, refresh, refusal, stored

TITLE = "Admission refusals"
CONVERTED = False
MODULES: Collection[ModuleType] = ()
NO_WAY_OUT: Collection[str] = ()

_OVERRIDES: Mapping[str, Callable[[], str]] = {
    "a workload has another image than its Environment": lambda: refusal(made(image="mine"), jupyter()),
    "another webhook changes the image": lambda: refusal(
        made(), jupyter(), later=lambda item: main(item).update(image="mirror.example/jupyter:4.2")
    ),
    "a refresh of a workload that repeats the image of an earlier generation": lambda: refusal(
        changed(stored(made(image="old"), jupyter(image="old")), refresh),
        jupyter(image="new", generation=2),
        old=stored(made(image="old"), jupyter(image="old")),
    ),
    "a variable that has to be filled in is not": lambda: refusal(
        made(), jupyter(env=[{"name": "DATASET", "required": True}])
    ),
}

ROWS: Mapping[str, Callable[[], str]] = {**_OVERRIDES}
