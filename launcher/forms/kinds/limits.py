"""The limits of a schema in words, for a hint beside its field."""

from launcher.forms.kinds.merging import Schema


def in_words(schema: Schema) -> str:
    """The limits of numbers, lengths and rows, as a sentence; '' without any."""
    found = (
        _numbers(schema),
        _counts(schema, "Length", ("character", "characters")),
        _counts(schema, "Items", ("row", "rows")),
        _counts(schema, "Properties", ("field", "fields")),
    )
    return " ".join(f"{words[0].upper()}{words[1:]}." for words in found if words)


def _numbers(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if least is not None and most is not None and not above and not below:
        words = [f"{least} to {most}"]
    else:
        words = []
        if least is not None:
            words.append(f"more than {least}" if above else f"{least} or more")
        if most is not None:
            words.append(f"less than {most}" if below else f"{most} or less")
    if step := schema.get("multipleOf"):
        words.append(f"a multiple of {step}")
    return ", ".join(words)


def _counts(schema: Schema, word: str, units: tuple[str, str]) -> str:
    least, most = schema.get(f"min{word}", 0), schema.get(f"max{word}")
    # a single one is what "required" means
    has_least = least > 1 or (least == 1 and word == "Items")
    unit = units[0] if (least if most is None else most) == 1 else units[1]
    if most is not None and has_least:
        return f"{least} {unit}" if least == most else f"{least} to {most} {unit}"
    if most is not None:
        return f"at most {most} {unit}"
    return f"at least {least} {unit}" if has_least else ""
