"""Reproducible period reports for a population and family-planning office."""
