"""Every text of the page, in one place. Pure.

Names and messages of Kubernetes, of the columns and of the plugin are theirs, and not here.
"""

from collections.abc import Mapping

TEXTS: Mapping[str, str] = {
    # Every page.
    "product": "Environments",
    "skip": "Skip to the content",
    "link.check": "Check a workload",
    "link.importer": "Import",
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
    # Forms.
    "form.create": "New Environment",
    "form.copy": "Copy {name}",
    "form.edit": "Edit {name}",
    "form.crumb.create": "new",
    "form.crumb.copy": "copy",
    "form.crumb.edit": "edit",
    "form.steps": "Steps",
    "form.haserrors": "has errors",
    "form.required": "required",
    "form.empty": "an empty text, when nothing is written here",
    "form.notset": "not set",
    "form.yes": "yes",
    "form.no": "no",
    "form.onlyyaml": "Its value cannot be shown here. Change it in the YAML.",
    "form.up": "Move up",
    "form.remove": "Remove",
    "form.add": "Add",
    "form.yaml": "YAML",
    "form.yaml.help": "A change here changes the form, and the other way round.",
    "form.fromyaml": "Take over the YAML",
    "form.fromform": "Take over the form",
    "form.check": "Check",
    "form.review": "Review changes",
    "form.save": "Save",
    "form.doit": "Create",
    "form.cancel": "Cancel",
    "form.download": "Download YAML",
    "form.diff": "What would change",
    "form.nodiff": "Nothing would change.",
    "form.accepted": "The API server accepts it.",
    "form.wrong": "Fields to correct: {number}.",
    "form.right": (
        "You lack the verb {verb} on environments.environments.dev. Ask an administrator for the ClusterRole "
        "environment-author."
    ),
    "form.managed": (
        "{manager} manages this Environment: a change made here will be undone. Download the YAML and commit "
        "it instead."
    ),
    "form.conflict": (
        "Somebody else changed it while you were editing. Below is their version against yours. Review your "
        "changes again to put yours in its place, or"
    ),
    "form.conflict.theirs": "start again with theirs.",
    # Delete and rename.
    "delete.title": "Delete {name}",
    "delete.crumb": "delete",
    "delete.lead": "Nobody uses it. It will be gone for everybody.",
    "delete.used": "It is used by {users}. It cannot be deleted while it is in use.",
    "delete.users": "Used by",
    "delete.first": "Delete its users, or give them another Environment first.",
    "delete.type": "Type its name",
    "delete.type.help": "Write {name} to delete it.",
    "delete.typed": 'The name does not match. Write "{name}".',
    "delete.do": "Delete",
    "rename.title": "Rename {name}",
    "rename.crumb": "rename",
    "rename.words": "What people read",
    "rename.display": "Display name",
    "rename.description": "Description",
    "rename.words.do": "Save",
    "rename.name": "The name that workloads refer to",
    "rename.name.help": (
        "A copy gets the new name, the old one is deprecated, its users move where they can change and start "
        "new pods, and the old one is deleted when nobody uses it."
    ),
    "rename.to": "New name",
    "rename.try": "Show what would happen",
    "rename.do": "Rename",
    "rename.would": "This would happen",
    "rename.done": "Done so far",
    "rename.users": "Users: {users}.",
    # Import.
    "import.title": "Import from Run:ai",
    "import.lead": (
        "Environment assets as Run:ai's API gives them become Environments. Nothing is created before you choose."
    ),
    "import.assets": "Assets",
    "import.file": "File",
    "import.file.help": "JSON: one asset, a list of them, or the answer with entries.",
    "import.content": "Or JSON",
    "import.places": "Names for ids",
    "import.places.help": "ID=NAME, one a line, for departments, projects and credentials of Run:ai.",
    "import.place": '"{line}" has no name. Write ID=NAME.',
    "import.show": "Show what becomes of them",
    "import.unreadable": "This cannot be read: {why}. Give assets as Run:ai exports them.",
    "import.deep": "This is nested too deeply. Give assets as Run:ai exports them.",
    "import.found": "Found: {number}",
    "import.whole": "carried over",
    "import.partly": "carried over in part",
    "import.bad": "cannot be carried over",
    "import.refused": "refused",
    "import.created": "created",
    "import.create": "Create the chosen ones",
    # The check of workloads.
    "check.title": "Check a workload",
    "check.lead": (
        "Paste a manifest to see it as it would be admitted, with the source of each value, or why it would "
        "be refused. Nothing is created."
    ),
    "check.manifest": "Manifest",
    "check.environment": "Environment",
    "check.environment.help": "Empty: that of the workload's label.",
    "check.project": "Project",
    "check.project.help": "Empty: that of the workload, else that of your context.",
    "check.do": "Check",
    "check.refused": "refused",
    "check.admitted": "admitted",
    "check.sources": "As it would be stored; behind each value is where it comes from.",
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
    "token": (
        "Nobody says who you are",
        "This page needs a bearer token with each request. Open it by the address of the proxy that logs you in.",
    ),
    "host": ("This is not the address of the page", "Open the address that kubectl environment ui printed."),
    "origin": ("Another page sent this request", "It was refused. Open the page itself and try again."),
    "form": ("This form is too old", "Go back, load the page again, and send the form once more."),
}


def text(key: str, **values: object) -> str:
    """Return a text, with values for its gaps."""
    return TEXTS[key].format(**values) if values else TEXTS[key]
