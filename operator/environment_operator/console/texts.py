"""Every text of the page, in one place. Pure.

Names and messages of Kubernetes, of the columns and of the plugin are theirs, and not here.
"""

from collections.abc import Mapping

TEXTS: Mapping[str, str] = {
    # Every page.
    "product": "Environments",
    "skip": "Skip to the content",
    "link.check": "Check a workload",
    "link.import": "Import",
    "copy": "Copy",
    "copied": "Copied",
    "stale": "The page could not be refreshed: what you see is from the time below it.",
    "same": "The same as a command",
    # The table.
    "table.lead": "Set-ups that workloads use by name. Choose a project to see what it may use.",
    "table.project": "Project",
    "table.projects.all": "all projects",
    "table.search": "Search",
    "table.search.hint": "Text in one of the columns",
    "table.apply": "Show",
    "table.filter": "Add a filter",
    "table.filter.column": "Column",
    "table.filter.value": "Value",
    "table.filter.hint": "such as *pytorch*",
    "table.filter.add": "Add",
    "table.filter.remove": "Remove the filter {column}: {value}",
    "table.columns": "Columns",
    "table.columns.apply": "Show these columns",
    "table.columns.usual": "The usual columns",
    "table.csv": "CSV",
    "table.create": "New Environment",
    "table.caption": "Environments",
    "table.region": "Table of Environments, scrolls sideways",
    "table.count": "{matching} of {total}",
    "table.count.all": "{total}",
    "table.asof": "as of",
    "table.refresh": "Refresh",
    "table.previous": "Previous",
    "table.next": "Next",
    "table.page": "page {page} of {pages}",
    "table.pages": "Pages",
    "table.loading": "Reading Environments …",
    "table.more": "{number} more",
    "table.none": "none",
    "table.empty": "There are no Environments yet.",
    "table.empty.how": "Apply one with kubectl, or create it from a workload that runs:",
    "table.nomatch": "No Environment matches.",
    "table.nomatch.how": "Remove a filter, search for something else, or choose another project.",
    "table.clear": "Show all",
    "table.late": "{cluster} answers slowly: its rows are from",
    "table.failed": "{cluster} cannot be read: {why} Its rows are from",
    "table.left": "{cluster} is left out: {why}",
    # What went wrong.
    "problem.unreachable": "The API server cannot be reached",
    "problem.absent": "This cluster has no Environments",
    "problem.forbidden": "You may not do this",
    "problem.credentials": "Your credentials are not accepted",
    "problem.wrong": "This address asks for something that is not there",
    "problem.other": "This did not work",
    "problem.retry": "Try again",
    "problem.home": "All Environments",
    "problem.internal": "An internal error",
    # Coming in.
    "enter.title": "Environments",
    "enter.go": "Go to the page",
}
# Why a request is not answered: a title and the way out.
REFUSALS: Mapping[str, tuple[str, str]] = {
    "session": (
        "This page belongs to another browser",
        "Open the address that kubectl environment ui printed. If a link in this browser brought you here, try again.",
    ),
    "replayed": (
        "This address was opened before",
        "It works once, so the session that it opened has ended. Open the new address that the command printed.",
    ),
    "host": ("This is not the address of the page", "Open the address that kubectl environment ui printed."),
    "origin": ("Another page sent this request", "It was refused. Open the page itself and try again."),
    "form": ("This form is too old", "Go back, load the page again, and send the form once more."),
}


def text(key: str, **values: object) -> str:
    """Return a text, with values for its gaps."""
    return TEXTS[key].format(**values) if values else TEXTS[key]
