# SPDX-License-Identifier: MIT
"""Configuration files from Python values: {"workers": 2, ("site", "games"): {"hosts": ["a"]}}."""


def _value(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, (list, tuple)):
        return "{" + ", ".join(_value(i) for i in v) + "}"
    if isinstance(v, float):
        return f"{v:f}"
    if isinstance(v, int):
        return str(v)
    return '"' + str(v).replace("\\", "\\\\").replace('"', '\\"') + '"'


def conf_text(values, indent=""):
    lines = []
    for key, v in values.items():
        name, title = key if isinstance(key, tuple) else (key, None)
        if isinstance(v, dict):
            head = f"{name} {_value(title)}" if title is not None else name
            lines += [f"{indent}{head} {{", conf_text(v, indent + "  "), f"{indent}}}"]
        elif v is not None:
            lines.append(f"{indent}{name} = {_value(v)}")
    return "\n".join(lines)


def merged(base, over):
    """base with over laid on it: sections are merged, None takes an option out."""
    out = dict(base)
    for key, v in over.items():
        out[key] = merged(out[key], v) if isinstance(v, dict) and key in out else v
    return out
