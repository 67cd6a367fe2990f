"""The Jupyter server extension: identity, gate, status."""
