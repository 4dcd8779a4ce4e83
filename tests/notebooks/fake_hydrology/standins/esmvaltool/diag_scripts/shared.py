"""The names that ewatercycle imports; none of them is ever called."""

ProvenanceLogger = get_diagnostic_filename = run_diagnostic = None
