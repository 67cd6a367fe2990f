"""Side by side with bare JupyterLab: `python -m bench` (or `make bench`). What is measured, and how to read it: `README.md`."""
