"""One module a family, each with a list `SPECS`.

Adding a family is adding a file here (see CONTRIBUTING.md).
"""
