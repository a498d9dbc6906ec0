"""What a person is told of a pod that could not begin, or that ended otherwise than by itself.

Each sentence is a function of what the cluster said. It says what happened, and where that helps, what to change.
"""

from __future__ import annotations


def no_image(image: str, said: str) -> str:
    """Word an image that cannot be pulled."""
    return f"the image {image} cannot be pulled{_said(said)}"


def no_node(said: str) -> str:
    """Word a pod for which there is no node."""
    return f"no node takes its pod{_said(said)}"


def no_container(said: str) -> str:
    """Word a container that cannot be made: a Secret or a key that is not there, for example."""
    return f"its container cannot be made{_said(said)}"


def no_start(program: str, said: str) -> str:
    """Word a container whose program cannot be started."""
    return f"{program} cannot be started in its image{_said(said)}"


def no_pod(said: str) -> str:
    """Word a Job for which no pod could be made: a quota, or an admission policy."""
    return f"the cluster makes no pod for it{_said(said)}"


def not_begun(said: str) -> str:
    """Word a pod that has a node and does not begin."""
    return f"its pod does not begin{_said(said)}"


def out_of_memory(limit: str | None) -> str:
    """Word an end by the kernel because of memory."""
    most = f" of {limit}" if limit else ""
    return f"out of memory: it needed more than its limit{most}; give the job more in `resources: {{memory: ...}}`"


def evicted(said: str) -> str:
    """Word an end by the node, to save itself."""
    return f"its node evicted it{_said(said)}"


def deadline() -> str:
    """Word an end by the cluster's own deadline, which is a net below the timeout of the run."""
    return "not done within its timeout; the cluster ended its pod"


def removed() -> str:
    """Word a pod that is not there any more."""
    return "its pod was removed from the cluster before it was done"


def node_lost(node: str) -> str:
    """Word a pod whose node does not answer."""
    return f"its node {node} does not answer any more"


def stopped(reason: str, said: str) -> str:
    """Word an end of a pod for a reason of the cluster's that has no words of its own here."""
    return f"the cluster ended its pod ({reason}){_said(said)}"


def fetch_failed(code: int, said: str) -> str:
    """Word a fetch of the commit that ended without saying why itself."""
    return f"preparing the run: fetching the commit ended with exit code {code}{_said(said)}"


def cancelled_early() -> str:
    """Word the end of a run that had not begun."""
    return "cancelled before it began"


def cancelled_by_force() -> str:
    """Word a cancelled run that did not end when it was asked to."""
    return "cancelled; it did not end by itself, and its pod was removed"


def _said(text: str) -> str:
    words = " ".join(text.split())[:600].rstrip(".")
    return f": {words}" if words else ""
