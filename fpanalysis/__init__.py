"""Reproducible period reports for a population and family-planning office."""

import os

# openpyxl writes other bytes where lxml happens to be installed; the sample's workbooks are the same bytes everywhere.
os.environ.setdefault("OPENPYXL_LXML", "False")
