"""Every name that users, the API server or other programs see: group, labels, annotations, finalizer.

Plain constants, so that a name is written once and every package may import it.
"""

from os import environ

GROUP = "environments.dev"
VERSION = "v1alpha1"
KIND = "Environment"
PLURAL = "environments"
API_VERSION = f"{GROUP}/{VERSION}"
CRD_NAME = f"{PLURAL}.{GROUP}"

# On a workload's own metadata.
REFERENCE = f"{GROUP}/environment"
ROLE_REFERENCE = f"{REFERENCE}."
RECORD = f"{GROUP}/injected"
WORKLOAD_TYPE = f"{GROUP}/workload-type"

# On pods, how everybody says which container is meant where none is named:
# https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-kubernetes-io-default-container
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"

# On a namespace.
DEPARTMENT = f"{GROUP}/department"
ENFORCEMENT = f"{GROUP}/enforce"
REQUIRED = "required"
# The Environment of workloads that name none, as an annotation, where a label says that there is one.
DEFAULT_ENVIRONMENT = f"{GROUP}/default-environment"
DEFAULTS = f"{GROUP}/defaults"
ENABLED = "enabled"
POD_SECURITY = "pod-security.kubernetes.io/enforce"

# On an Environment.
FINALIZER = f"{GROUP}/in-use"
ALLOW_DELETE_IN_USE = f"{GROUP}/allow-delete-in-use"
CREATED_BY = f"{GROUP}/created-by"
# When it was used last before it came here, from an import.
LAST_USED = f"{GROUP}/last-used"

# Verbs and virtual resources that people need besides RBAC on environments and namespaces.
PUBLISH = "publish"
ASSIGN = "assign"
ENFORCE = "enforce"
DEPARTMENTS = "departments"
PROJECTS = "projects"

# Who the operator is. Its namespace is that of its Pod, which the chart has the downward API write into this variable.
NAMESPACE_VARIABLE = "ENVIRONMENT_OPERATOR_NAMESPACE"
SYSTEM_NAMESPACE = environ.get(NAMESPACE_VARIABLE) or "environments-system"
SERVICE_ACCOUNT = "environment-operator"
OPERATOR_USER = f"system:serviceaccount:{SYSTEM_NAMESPACE}:{SERVICE_ACCOUNT}"
FIELD_MANAGER = "environment-operator"
# The Lease of the controller that leads.
CONTROLLER_LEASE = f"{SERVICE_ACCOUNT}-controller"
# The Service of the admission server, and the webhook configurations that call it, found by these labels.
SERVICE = "environment-operator"
WEBHOOK_LABELS = {"app.kubernetes.io/name": SERVICE}
MUTATE, VALIDATE, DEFAULT = "/mutate", "/validate", "/default"
WEBHOOK_SECONDS = 5
# Where people find the rows of further kinds.
KINDS = f"{SERVICE_ACCOUNT}-kinds"
KINDS_KEY = "kinds.yaml"
# On ClusterRoles whose rights the operator is to have.
AGGREGATE = f"{GROUP}/aggregate-to-operator"

# On a Secret of the operator's namespace that is to be published, and who gets it.
CREDENTIALS = f"{GROUP}/registry-credentials"
SCOPE = f"{GROUP}/scope"
# On what it becomes in a project: the project, and the Secret that it is a copy of.
PUBLISHED_TO = f"{GROUP}/published-to"
PUBLISHED_FROM = f"{GROUP}/published-from"
# The ClusterRole by which a project lets the operator do that, and the usual name of the RoleBinding.
CREDENTIALS_ROLE = "environment-registry-credentials"

# Where nothing is injected and nothing is enforced, so that the cluster can always be repaired.
EXEMPT_NAMESPACES = ("kube-system", SYSTEM_NAMESPACE)

# On what a workload becomes at admission.
INJECTED_FROM = f"{GROUP}/injected-from"
TOKEN = f"{GROUP}/workload"
GUARDED = f"{GROUP}/guarded"
# Where the tools of a workload are reached, for programs and for people; what a submitter asks for, with the name of
# the tool behind it.
TOOLS = f"{GROUP}/tools"
TOOL_ADDRESSES = f"{GROUP}/tool-addresses"
CUSTOM_TOOL = f"tools.{GROUP}/"
# On what the operator makes for a workload: of which it is.
EXPOSES = f"{GROUP}/exposes"
# On the Lease of an address that a workload asked for: that it is one, and the address.
CLAIM = f"{GROUP}/claim"
# What admission alone writes into the annotations of a workload.
WRITTEN = (RECORD, TOOLS, TOOL_ADDRESSES)
REFRESH = f"{GROUP}/refresh"
CONTAINER = f"{GROUP}/container"

# Keys of userInfo.extra that hold a person's ids, unless the settings name others.
UID_KEY = f"{GROUP}/uid"
GID_KEY = f"{GROUP}/gid"
GROUPS_KEY = f"{GROUP}/groups"


def is_reference(label: str) -> bool:
    """Return whether a label refers to an Environment, for a whole workload or one of its roles."""
    return label == REFERENCE or label.startswith(ROLE_REFERENCE)
