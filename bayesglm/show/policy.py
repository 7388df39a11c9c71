"""What a page that needs no other file may do: run its own script, and nothing else."""

import base64
import hashlib


def policy_of(style: str, *scripts: str) -> str:
    """Return a Content-Security-Policy that allows one style and some scripts, as they are."""
    allowed = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {allowed}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}'"
