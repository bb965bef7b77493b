"""Compiled execution of GraphQL operations, behind graphql-core's executor interface (docs/decisions/0013-execution.md).

``fields`` says how a field is read, ``plan`` what an operation reads, ``generate`` turns a plan into Python functions,
``executor`` runs them, ``nulls`` places errors. ``plans`` and ``documents`` remember; ``cost`` refuses what is too large.
"""
