"""Side by side with bare JupyterLab, jupyter-forward and ssh: `python -m bench` (or `make bench`).

What is measured, and how to read it: `README.md`.
"""
