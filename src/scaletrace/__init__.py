"""Scaling-law studies in which every plotted point can be traced to its raw text."""
