"""Makes what can be shown of a saved cell's outputs. Runs in a rendering process only."""

from typing import Any

Output = dict[str, Any]

# the first one of an output is shown
SHOWN = (
    *("text/html", "text/markdown", "text/latex"),
    *("image/png", "image/jpeg", "image/svg+xml", "text/plain"),
)
_WITH_DATA = ("display_data", "execute_result", "update_display_data")


class NotShowable(Exception):
    """A part of a notebook is not what nbformat describes."""


def repaired_outputs(outputs: Any) -> list[Output]:
    """Valid outputs, in which the texts of a stream are joined."""
    if outputs is None:
        return []
    found: list[Output] = []
    for output in outputs if isinstance(outputs, list) else [outputs]:
        made = _repaired(output)
        if found and "name" in made and made["name"] == found[-1].get("name"):
            found[-1]["texts"] += made["texts"]
        elif made:
            found.append(made)
    for stream in found:
        if "texts" in stream:
            stream["text"] = "".join(stream.pop("texts"))
    return found


def text_of(value: Any) -> str:
    """A text, or a list of its lines, as text that can be encoded; raises NotShowable."""
    lines = value if isinstance(value, list) else [value]
    if not all(isinstance(line, str) for line in lines):
        raise NotShowable
    text = "".join(lines)
    # a lone surrogate cannot be encoded
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def text_output(text: str) -> Output:
    """An output that shows the text."""
    return {"output_type": "display_data", "metadata": {}, "data": {"text/plain": text}}


def _repaired(output: Any) -> Output:
    """A valid output, a sentence in its place, or {} if there is nothing to show."""
    try:
        return _made(output)
    except NotShowable:
        return text_output("This output cannot be shown.")


def _made(output: Any) -> Output:
    kind = output.get("output_type") if isinstance(output, dict) else None
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "texts": [text_of(output.get("text", ""))]}
    if kind == "error":
        return _error(output)
    if kind not in _WITH_DATA or not isinstance(output.get("data"), dict):
        raise NotShowable
    data = _data(output["data"])
    if not data:
        return {}
    made: Output = {"output_type": "display_data", "metadata": {}, "data": data}
    if kind == "execute_result":
        # the cell's count is shown
        made |= {"output_type": kind, "execution_count": None}
    return made


def _data(bundle: dict[str, Any]) -> dict[str, str]:
    """The part of the output that is shown."""
    for kind in SHOWN:
        if kind in bundle:
            return {kind: text_of(bundle[kind])}
    return {}


def _error(output: Output) -> Output:
    name, value = text_of(output.get("ename", "")), text_of(output.get("evalue", ""))
    lines = output.get("traceback")
    entries = [text_of(line) for line in lines] if isinstance(lines, list) else []
    traceback = entries or [f"{name}: {value}"]
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": traceback}
