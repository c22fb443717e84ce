"""Definitions and samples of third-party kinds belong together."""

from samples import FILES, SAMPLES, definitions, sample, stored

KINDS = {stored(definition): definition for file in FILES for definition in definitions(file)}


def test_every_kind_has_a_sample() -> None:
    """Each definition has a sample in the version that it stores, and each sample has a definition."""
    assert set(KINDS) == {(made["apiVersion"], made["kind"]) for made in SAMPLES.values()}


def test_place() -> None:
    """A sample has a namespace where its definition says so, and only there."""
    scopes = {word: KINDS[made["apiVersion"], made["kind"]]["spec"]["scope"] for word, made in SAMPLES.items()}
    namespaces = {word: sample(word, "a", "b")["metadata"].get("namespace") for word in SAMPLES}
    assert namespaces == {word: "b" if scope == "Namespaced" else None for word, scope in scopes.items()}


def test_samples_share_nothing() -> None:
    """What is done to one sample does not show in the next."""
    sample("pytorchjob", "a", "b")["spec"].clear()
    assert SAMPLES["pytorchjob"]["spec"] == sample("pytorchjob", "a", "b")["spec"] != {}
